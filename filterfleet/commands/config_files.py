"""`filterfleet config init` and `check`: filterfleet.toml as a file."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from filterfleet.commands.config_tables import COMMANDS, all_tables
from filterfleet.common.config.file import STANDARD, VARIABLE, File, choose, read, standard_for
from filterfleet.common.config.resolve import misplaced, of_file, of_variables
from filterfleet.common.config.sample import markdown, sample
from filterfleet.common.config.setting import Setting, settings_of, variable
from filterfleet.common.config.tables import FLEET, SHARED
from filterfleet.common.config.variables import ours, strangers
from filterfleet.common.errors import FleetError
from filterfleet.common.text import printable

MADE = re.compile(r"(<!-- begin (\w+) -->\n)(.*?)(<!-- end \2 -->)", re.DOTALL)  # parts of the page


def init(
    docs: Annotated[Path | None, typer.Option(hidden=True, help="Bring this page up to date.")] = None,
) -> None:
    """Print a file of settings to begin with, with comments that explain each.

    Nothing is set in it. Write it where it belongs: `filterfleet config init > filterfleet.toml`.
    """
    if docs is None:
        typer.echo(sample(all_tables()), nl=False)
        return
    new, text = parts(), docs.read_text(encoding="utf-8")
    docs.write_text(MADE.sub(lambda made: f"{made[1]}{new[made[2]]}{made[4]}", text), encoding="utf-8")


def parts() -> dict[str, str]:
    """What the page in docs/ has of the settings, by the name of the part."""
    tables = all_tables()
    return {"sample": f"```toml\n{sample(tables)}```\n", "tables": markdown(tables)}


def check(
    file: Annotated[
        Path | None,
        typer.Argument(metavar="[FILE]", help="The file.", show_default=f"that of {VARIABLE}, else {STANDARD}"),
    ] = None,
) -> None:
    """Say everything that is wrong with a file of settings and with variables (exit code 2).

    It looks at every table, and at every variable that begins with FILTERFLEET_. Whether a folder, a recipe or a key is
    there is found by the daemon that needs it, which may run on another machine.
    """
    environment = ours(os.environ)
    path = choose(file, environment, standard_for("worker"))
    if mistakes := mistakes_of(path, environment):
        raise FleetError("\n".join(mistakes))
    typer.echo(f"Nothing is wrong with {' and '.join(places(path, environment)) or 'the defaults: there is no file'}.")


def mistakes_of(path: Path | None, environment: Mapping[str, str]) -> list[str]:
    """Every one, in all tables and variables. Raises FleetError for a file that cannot be read."""
    return [*_of_file(read(path)), *_of_environment(environment)]


def places(path: Path | None, environment: Mapping[str, str]) -> list[str]:
    """Where something is set: the file, and the names of variables."""
    return [*([printable(str(path))] if path else []), *sorted(environment.keys() & set(_known()))]


def _whole() -> dict[str, Mapping[str, Setting]]:
    """Every key that a table may have."""
    tables = {name: {s.key: s for s in settings_of(command)} for name, command in COMMANDS.items()}
    return {SHARED: FLEET, **tables}


def _of_file(file: File) -> list[str]:
    mistakes = misplaced(file)
    whole = _whole()
    for table, settings in whole.items():
        if isinstance(given := file.tables.get(table), dict):
            strange = {key: owners for key in given if key not in settings and (owners := _owners(key, whole))}
            for key, owners in strange.items():
                hint = f"that is a setting of {' and '.join(owners)}"
                mistakes.append(f"{file.place(table, key)}: [{table}] has no {key!r}: {hint}.")
            of_file(table, settings, {key: given[key] for key in given if key not in strange}, file, mistakes)
    return mistakes


def _owners(key: str, whole: Mapping[str, Mapping[str, Setting]]) -> list[str]:
    """The tables that have the key, but for [up], which has those of others too."""
    owners = [f"[{table}]" for table, settings in whole.items() if key in settings and table != "up"]
    return owners or (["[up]"] if key in whole["up"] else [])


def _of_environment(environment: Mapping[str, str]) -> list[str]:
    mistakes: list[str] = []
    for table, settings in _whole().items():
        of_variables(table, settings, environment, mistakes)
    odd = strangers(environment, _known())
    return mistakes + [f"The variable {name} means nothing: {suggestion}" for name, suggestion in odd.items()]


def _known() -> list[str]:
    return [variable(table, key) for table, settings in _whole().items() for key in settings]
