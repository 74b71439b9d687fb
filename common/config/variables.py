"""The variables of the environment that are settings: FILTERFLEET_WORKER_THREADS, FILTERFLEET_KEYS."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping
from typing import Any

from filterfleet.common.config.file import VARIABLE
from filterfleet.common.config.setting import PREFIX, Setting, variable
from filterfleet.common.metrics.telling import WANTED
from filterfleet.common.process.command import SUPERVISOR
from filterfleet.common.text import printable

# What is no setting: variables between our own processes, and those of measurements.
OTHERS = frozenset({VARIABLE, WANTED, SUPERVISOR, f"{PREFIX}LISTENER"})
_OTHERS = re.compile(
    rf"{PREFIX}BENCH_"
    # Kubernetes makes such variables for each service, and one may well be called filterfleet-broker.
    rf"|{PREFIX}\w+_(?:SERVICE_HOST|SERVICE_PORT(?:_\w+)?|PORT(?:_\d+_(?:TCP|UDP)(?:_\w+)?)?)$"
)


def texts(environment: Mapping[str, str], table: str, settings: Iterable[Setting]) -> dict[str, Any]:
    """The values that the variables of a table have, by key. An empty variable counts as none."""
    found = {}
    for setting in settings:
        if text := environment.get(variable(table, setting.key)):
            found[setting.key] = _items(text) if setting.many else text
    return found


def _items(text: str) -> Any:
    """One item, or several as a list of TOML. A pattern may begin with a bracket, and none with one and a quote."""
    if text.startswith(('["', "['")) or (text.startswith("[") and text.endswith("]")):
        try:
            return tomllib.loads(f"list = {text}")["list"]
        except (ValueError, RecursionError):  # TOMLDecodeError is a ValueError
            return text  # which is no list: it will be said
    return [text]


def ours(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that may be ours."""
    return {name: value for name, value in environment.items() if name.startswith(PREFIX)}


def strangers(environment: Mapping[str, str], known: Iterable[str], tables: Iterable[str] = ()) -> dict[str, str]:
    """Variables that have our prefix and mean nothing, each with a suggestion. Those of the other tables named are left
    to whoever reads these."""
    names = set(known) | OTHERS
    elsewhere = tuple(f"{PREFIX}{table.upper()}_" for table in tables)
    odd = [name for name in sorted(ours(environment)) if name not in names and not name.startswith(elsewhere)]
    return {printable(name): _suggestion(name, names) for name in odd if not _OTHERS.match(name)}


def _suggestion(name: str, names: set[str]) -> str:
    """Compared by the rest of the name: all of them begin alike."""
    close = difflib.get_close_matches(name.removeprefix(PREFIX), [known.removeprefix(PREFIX) for known in names], 1)
    return f"did you mean {PREFIX}{close[0]}?" if close else "`filterfleet config init` names all that there are."
