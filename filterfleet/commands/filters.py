"""`filterfleet filters`: the catalogue."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from filterfleet.catalogue import docs as filter_docs
from filterfleet.catalogue import facts
from filterfleet.catalogue.checking import checked
from filterfleet.catalogue.seconds import MEGAPIXELS, photograph, seconds
from filterfleet.common.errors import RecipeError
from filterfleet.common.jobs.recipe import Step
from filterfleet.worker.filters import Filter, bind, catalogue
from filterfleet.worker.filters.calling import failing


def filters(
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="A filter, to show everything about it.", show_default=False),
    ] = None,
    check: Annotated[
        bool,
        typer.Option("--check", help="Try the filters of plugins on tiny images, and say what is wrong (exit code 2)."),
    ] = False,
    docs: Annotated[Path | None, typer.Option(hidden=True, help="Bring this page and its pictures up to date.")] = None,
) -> None:
    """Show the filters that recipes can name, or one filter with its parameters."""
    if docs:
        filter_docs.write(docs)
    elif check:
        _check(name)
    elif name:
        _show(name)
    else:
        table = Table("filter", "what it does", "parameters", box=box.SIMPLE_HEAD)
        for found in catalogue():
            table.add_row(found.name, found.summary, ", ".join(found.parameters))
        Console(markup=False, emoji=False).print(table)  # brackets and colons are what they are
        typer.echo("More about one filter: filterfleet filters NAME")


def _check(name: str | None) -> None:
    """All filters of plugins, or the one that is named, which may be one of ours."""
    found = checked([name] if name else [])
    if problems := [*found.left_out, *found.faults]:
        raise RecipeError(*problems)
    names = ", ".join(found.names)
    typer.echo(f"Nothing is wrong with {names}." if names else "No plugin with filters is installed.")


def _found(name: str) -> Filter:
    known = {found.name: found for found in catalogue()}
    if name not in known:
        bind(Step(name))  # raises, and says which filter may have been meant
    return known[name]


def _show(name: str) -> None:
    found = _found(name)
    try:
        rows = [(title, str(each.describe()), facts.default(each)) for title, each in found.parameters.items()]
    except Exception as error:  # noqa: BLE001 - a plugin has kinds of its own
        raise RecipeError(failing(name, error, "to say what its parameters take")) from None
    typer.echo(f"{found.name}: {found.summary}")
    if found.parameters:
        table = Table("parameter", "takes", "default", box=box.SIMPLE_HEAD)
        for row in rows:
            table.add_row(*row)
        Console(markup=False, emoji=False).print(table)  # brackets and colons are what they are
    if found.details:
        typer.echo(found.details)
    typer.echo(facts.everything(found))
    if all(parameter.default is not None for parameter in found.parameters.values()):
        with contextlib.suppress(Exception):  # it is not for every picture, and those of plugins may fail
            spent, _ = seconds(Step(found.name), photograph())
            typer.echo(
                f"With its defaults it takes about {spent:.2g} s of one processor for {MEGAPIXELS} megapixels here."
            )
