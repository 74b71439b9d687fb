"""A setting: what a command declares as an option is also a key of the file and a variable of the environment."""

from __future__ import annotations

import enum
import inspect
import types
import typing
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typer.models import OptionInfo

PREFIX = "FILTERFLEET_"
_ABOUT_ONE_CALL = {"--config", "--json", "--only", "--watch"}  # what nobody sets for good


@dataclass(frozen=True, slots=True)
class Secret:
    """Marks an option that may hold a secret, in its Annotated. mask makes a text of it that anybody may see."""

    mask: Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Setting:
    """name is that of the command's parameter. kind is the type of the value, or of each item if there may be many.
    default is None for none; a required setting has none. secret masks it, if it may hold one."""

    name: str
    flag: str
    kind: type
    many: bool
    required: bool
    default: Any
    option: OptionInfo
    secret: Secret | None

    @property
    def key(self) -> str:
        return self.flag.removeprefix("--").replace("-", "_")

    def shown(self, value: Any) -> str:
        """The value as TOML has it, without secrets."""
        if isinstance(value, dict):  # no setting takes one, and nobody knows where a secret is in it
            return "a table"
        if isinstance(value, list | tuple):
            return f"[{', '.join(map(self.shown, value))}]"
        if isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, int | float):
            return f"{value:g}" if isinstance(value, float) and abs(value) >= 1e16 else str(value)
        text = str(value)
        return quoted(self.secret.mask(text) if self.secret else text)


def quoted(text: str) -> str:
    """A basic string of TOML."""
    plain = {'"': '\\"', "\\": "\\\\"}
    return f'"{"".join(plain.get(c, c if c.isprintable() else _escaped(c)) for c in text)}"'


def _escaped(character: str) -> str:
    return f"\\u{ord(character):04x}" if ord(character) < 1 << 16 else f"\\U{ord(character):08x}"


def variable(table: str, key: str) -> str:
    """The variable of a key: FILTERFLEET_WORKER_THREADS, and without the table for what all roles share."""
    return f"{PREFIX}{key.upper()}" if table == "fleet" else f"{PREFIX}{table.upper()}_{key.upper()}"


def settings_of(command: Callable[..., Any]) -> tuple[Setting, ...]:
    """The settings that a command declares: its options but for hidden ones and those that are about one start."""
    found = (_setting(parameter) for parameter in inspect.signature(command, eval_str=True).parameters.values())
    return tuple(setting for setting in found if setting is not None)


def _setting(parameter: inspect.Parameter) -> Setting | None:
    if typing.get_origin(parameter.annotation) is not typing.Annotated:
        return None
    annotation, *marks = typing.get_args(parameter.annotation)
    option = next((mark for mark in marks if isinstance(mark, OptionInfo)), None)
    if option is None or option.hidden:
        return None
    flag = _flag(parameter.name, option)
    if flag in _ABOUT_ONE_CALL:
        return None
    kind, many = _kind(annotation)
    required = parameter.default is inspect.Parameter.empty
    return Setting(
        parameter.name,
        flag,
        kind,
        many,
        required,
        None if required else _default(parameter.default, many),
        option,
        next((mark for mark in marks if isinstance(mark, Secret)), None),
    )


def _flag(name: str, option: OptionInfo) -> str:
    """In an Annotated, typer finds the first flag in the place of the default."""
    first = option.default if isinstance(option.default, str) else next(iter(option.param_decls or ()), None)
    return first or f"--{name.strip('_').replace('_', '-')}"


def _kind(annotation: Any) -> tuple[type, bool]:
    if isinstance(annotation, types.UnionType):
        (annotation,) = (each for each in typing.get_args(annotation) if each is not types.NoneType)
    many = typing.get_origin(annotation) is list
    kind = typing.get_args(annotation)[0] if many else annotation
    assert issubclass(kind, str | int | float | bool | Path | enum.Enum), annotation
    return kind, many


def _default(value: Any, many: bool) -> Any:
    return [] if many and value is None else value
