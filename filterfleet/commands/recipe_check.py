"""`filterfleet recipe check`."""

from __future__ import annotations

from typing import Annotated

import typer

from filterfleet.catalogue.checking import checked
from filterfleet.catalogue.recipe_report import lines
from filterfleet.catalogue.seconds import told
from filterfleet.catalogue.soundness import is_shipped
from filterfleet.common.errors import RecipeError
from filterfleet.common.text import printable
from filterfleet.recipes import load_recipe
from filterfleet.worker.filters import catalogue


def check(
    choice: Annotated[str, typer.Argument(metavar="FILE|NAME", help="A TOML file, or a recipe that ships.")],
) -> None:
    """Say what a recipe does, or everything that is wrong with it (exit code 2)."""
    recipe = load_recipe(choice)
    others = [found.name for found in catalogue() if found.name in recipe.filters and not is_shipped(found)]
    if others and (problems := checked(others).faults):
        raise RecipeError(*problems)
    for line in (*lines(recipe), told(recipe)):
        typer.echo(printable(line))
