"""`filterfleet recipe check`."""

from __future__ import annotations

from typing import Annotated

import typer

from filterfleet.catalogue.recipe_report import lines
from filterfleet.common.text import printable
from filterfleet.recipes import load_recipe


def check(
    choice: Annotated[str, typer.Argument(metavar="FILE|NAME", help="A TOML file, or a recipe that ships.")],
) -> None:
    """Say what a recipe does, or everything that is wrong with it (exit code 2)."""
    for line in lines(load_recipe(choice)):
        typer.echo(printable(line))
