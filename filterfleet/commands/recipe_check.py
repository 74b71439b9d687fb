"""`filterfleet recipe check`."""

from __future__ import annotations

from typing import Annotated

import typer

from filterfleet.catalogue.recipe_report import lines
from filterfleet.catalogue.seconds import told
from filterfleet.catalogue.soundness import faults_of
from filterfleet.common.errors import RecipeError
from filterfleet.common.text import printable
from filterfleet.recipes import load_recipe


def check(
    choice: Annotated[str, typer.Argument(metavar="FILE|NAME", help="A TOML file, or a recipe that ships.")],
) -> None:
    """Say what a recipe does, or everything that is wrong with it (exit code 2)."""
    recipe = load_recipe(choice)
    if problems := tuple(faults_of(recipe)):
        raise RecipeError(*problems)
    for line in (*lines(recipe), told(recipe)):
        typer.echo(printable(line))
