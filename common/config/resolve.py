"""What a command's settings are: of variables, of the file, or their defaults, in this order; and what is wrong."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from filterfleet.common.config.file import File
from filterfleet.common.config.setting import Setting, variable
from filterfleet.common.config.tables import FLEET, READS, SHARED, TABLES
from filterfleet.common.config.variables import texts
from filterfleet.common.text import did_you_mean, printable

if TYPE_CHECKING:
    from filterfleet.common.config.model import Checked


class Origin(enum.Enum):
    DEFAULT = "default"
    FILE = "file"
    VARIABLE = "variable"


@dataclass(frozen=True, slots=True)
class Found:
    """A value, in the type of its setting. raw is as it was written; place says where."""

    value: Any
    raw: Any
    origin: Origin
    place: str


@dataclass(frozen=True, slots=True)
class Resolved:
    """The values that were found, by parameter; all others have their defaults. mistakes are sentences."""

    found: Mapping[str, Found]
    mistakes: Sequence[str]


def resolve(command: str, settings: Sequence[Setting], file: File, environment: Mapping[str, str]) -> Resolved:
    """The settings of a command. Of tables that are another command's, only what this one needs is looked at."""
    own = {setting.key: setting for setting in settings}
    known = {table: _known(table, own, whole=table == command) for table in READS[command]}
    mistakes = misplaced(file)
    layers = [of_variables(table, known[table], environment, mistakes) for table in known]
    for table, settings_there in known.items():
        given = file.tables.get(table, {})
        if isinstance(given, dict):
            mine = given if table in (command, SHARED) else {key: given[key] for key in given if key in settings_there}
            layers.append(of_file(table, settings_there, mine, file, mistakes))
    found = {}
    for setting in settings:
        if (first := next((layer[setting.key] for layer in layers if setting.key in layer), None)) is not None:
            found[setting.name] = first
    return Resolved(found, mistakes)


def _known(table: str, own: Mapping[str, Setting], *, whole: bool) -> Mapping[str, Setting]:
    """The settings of a table that this command can check."""
    if table == SHARED:
        return FLEET
    return own if whole else {key: setting for key, setting in own.items() if key not in FLEET}


def misplaced(file: File) -> list[str]:
    """Tables that nobody reads, and keys that stand in none."""
    mistakes = []
    for name, value in file.tables.items():
        if not isinstance(value, dict):
            mistakes.append(f"{file.place(name)}: {printable(name)} cannot stand here: {_instead(name, value)}.")
        elif name not in TABLES:
            mistakes.append(f"{file.place(name)}: there is no table [{printable(name)}]: {did_you_mean(name, TABLES)}")
    return mistakes


def _instead(name: str, value: Any) -> str:
    """value is no table."""
    if isinstance(value, list) and name in TABLES:
        return f"a table has one bracket on each side, [{name}]"
    if name in FLEET:
        return "that is a setting of [fleet]"
    return "that is the name of a table" if name in TABLES else "settings stand in tables, such as [fleet]"


def of_file(
    table: str, settings: Mapping[str, Setting], given: Mapping[str, Any], file: File, mistakes: list[str]
) -> dict[str, Found]:
    """What a table of the file says. Its mistakes are added."""
    if not given:
        return {}
    checked = _check(f"[{table}]", settings, given, text=False)
    mistakes += [f"{file.place(table, key)}: [{table}] {said}" for key, said in checked.mistakes.items()]
    return {
        key: Found(value, given[key], Origin.FILE, f"{file.place(table, key)}, [{table}]")
        for key, value in checked.values.items()
    }


def of_variables(
    table: str, settings: Mapping[str, Setting], environment: Mapping[str, str], mistakes: list[str]
) -> dict[str, Found]:
    given = texts(environment, table, settings.values())
    if not given:
        return {}
    checked = _check(f"variables of [{table}]", settings, given, text=True)
    mistakes += [f"The variable {variable(table, key)}: {said}" for key, said in checked.mistakes.items()]
    return {
        key: Found(value, given[key], Origin.VARIABLE, variable(table, key)) for key, value in checked.values.items()
    }


def _check(name: str, settings: Mapping[str, Setting], given: Mapping[str, Any], *, text: bool) -> Checked:
    # Here, because Pydantic takes 0.06 s to import, and a command that is told everything by flags has no use for it.
    from filterfleet.common.config.model import check

    return check(name, settings, given, text=text)
