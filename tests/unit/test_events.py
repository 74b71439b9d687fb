"""docs/events.md explains every event that a daemon can log, and no other."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2] / "filterfleet"
PAGE = PACKAGE.parent / "docs" / "events.md"
ROLES = ("broker", "common", "listener", "worker", "commands", "dashboard")
LEVELS = {"debug", "info", "warning", "error", "exception"}
OF_LOGGERS = {"log", "_log"}
OF_OUTBOX = {"note", "warn", "tell", "count"}
PASSED_ON = {"event", "message"}  # parameters of functions that log what they are told


def sources() -> Iterator[Path]:
    for role in ROLES:
        for folder, _, names in os.walk(PACKAGE / role, followlinks=True):
            yield from (Path(folder, name) for name in names if name.endswith(".py"))


def event_of(call: ast.Call) -> ast.expr | None:
    """The argument of a call that is the name of an event."""
    match call.func, call.args:
        case ast.Attribute(attr=level, value=logger), [event, *_] if level in LEVELS and _is_logger(logger):
            return event
        case ast.Attribute(attr=kind, value=ast.Attribute(attr="_outbox")), [event, *_] if kind in OF_OUTBOX:
            return event
        case ast.Attribute(attr="_say"), [ast.Constant(value=level), event, *_] if level in LEVELS:
            return event
        case ast.Attribute(attr="_say"), [ast.Constant() as event, *_]:
            return event
        case ((ast.Name(id="Note" | "Line") | ast.Attribute(attr="trouble_note")), [ast.Constant(), event, *_]):
            return event
    return None


def _is_logger(value: ast.expr) -> bool:
    match value:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name in OF_LOGGERS
        case ast.Call(func=ast.Name(id=name)):
            return name == "get_logger"
    return False


def events_in(file: Path) -> Iterator[str]:
    tree = ast.parse(file.read_bytes())
    constants = {
        target.id: ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        event = event_of(node) if isinstance(node, ast.Call) else None
        match event:
            case None:
                pass
            case ast.Constant(value=str(text)):
                yield text
            case ast.Name(id=name) if name in constants:
                yield str(constants[name])
            case ast.Name(id=name) if name in PASSED_ON:
                pass  # whoever tells it is found as well
            case _:
                raise AssertionError(f"{file}:{node.lineno}: the event is no constant: {ast.unparse(event)}")


def test_every_event_is_explained_and_no_other():
    logged = {event for file in sources() if file.name != "recipe_file.py" for event in events_in(file)}
    assert {"image failed", "dead_lettered", "broker lost", "work waits"} <= logged
    explained = re.findall(r"^\| `([^`]+)` \|", PAGE.read_text(), re.MULTILINE)
    assert sorted(explained) == sorted(set(explained)), "one row each"
    assert logged - set(explained) == set()
    assert set(explained) - logged == set()
