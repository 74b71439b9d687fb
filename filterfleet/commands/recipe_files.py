"""`filterfleet recipe init`, `list` and `show`: recipes as text, without the filters and OpenCV."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Annotated

import typer

from filterfleet.common.errors import FleetError, RecipeError
from filterfleet.common.jobs.shipped import shipped, shipped_text
from filterfleet.common.text import did_you_mean, printable


def init(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file to write.")] = Path("recipe.toml"),
    force: Annotated[bool, typer.Option("--force", help="Overwrite an existing file.")] = False,
) -> None:
    """Write a recipe to begin with, with comments that explain it."""
    text = (resources.files("filterfleet") / "starter.toml").read_text(encoding="utf-8")
    try:
        with file.open("w" if force else "x", encoding="utf-8") as target:
            target.write(text)
    except FileExistsError:
        raise FleetError(f"{printable(str(file))} exists already: --force overwrites it.") from None
    except OSError as error:
        raise FleetError(f"The recipe {printable(str(file))} cannot be written: {error.strerror}.") from None
    named = f"./{file}" if str(file) in shipped() else str(file)  # a recipe that ships comes before a file of its name
    typer.echo(f"Written to {printable(str(file))}: change it, then try `filterfleet recipe check {printable(named)}`.")


def list_() -> None:
    """List the recipes that ship with filterfleet."""
    width = max(map(len, shipped()))
    for name in shipped():
        summary = shipped_text(name).partition("\n")[0].removeprefix("# ")
        typer.echo(f"{name:{width}}  {summary}")


def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A recipe of `filterfleet recipe list`.")],
) -> None:
    """Print the TOML of a recipe that ships, for you to change."""
    if name not in shipped():
        raise RecipeError(f"There is no recipe {printable(name)!r}: {did_you_mean(name, shipped())}")
    typer.echo(shipped_text(name), nl=False)
