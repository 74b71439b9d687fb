"""`filterfleet recipe`: write, check and look at recipes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

recipe = typer.Typer(no_args_is_help=True, help="Write, check and look at recipes: what becomes of every image.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="A recipe of `filterfleet recipe list`.")]


@recipe.command()
def init(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file to write.")] = Path("recipe.toml"),
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
) -> None:
    """Write a recipe to begin with, with comments that explain it."""
    from importlib import resources

    from filterfleet.common.errors import FleetError
    from filterfleet.common.text import printable

    text = (resources.files("filterfleet") / "starter.toml").read_text(encoding="utf-8")
    try:
        with file.open("w" if force else "x", encoding="utf-8") as target:
            target.write(text)
    except FileExistsError:
        raise FleetError(f"{printable(str(file))} is there already: --force writes over it.") from None
    except OSError as error:
        raise FleetError(f"The recipe {printable(str(file))} cannot be written: {error.strerror}.") from None
    typer.echo(f"Written to {printable(str(file))}: change it, then try `filterfleet recipe check`.")


@recipe.command()
def check(
    choice: Annotated[str, typer.Argument(metavar="FILE|NAME", help="A TOML file, or a recipe that ships.")],
) -> None:
    """Say what a recipe does, or everything that is wrong with it (exit code 2)."""
    from filterfleet.catalogue.recipe_report import lines
    from filterfleet.recipes import load_recipe

    for line in lines(load_recipe(choice)):
        typer.echo(line)


@recipe.command("list")
def list_() -> None:
    """List the recipes that ship with filterfleet."""
    from filterfleet.common.jobs.shipped import shipped, shipped_text

    width = max(map(len, shipped()))
    for name in shipped():
        summary = shipped_text(name).partition("\n")[0].removeprefix("# ")
        typer.echo(f"{name:{width}}  {summary}")


@recipe.command()
def show(name: Name) -> None:
    """Print the TOML of a recipe that ships, to be changed to your liking."""
    from filterfleet.common.errors import RecipeError
    from filterfleet.common.jobs.shipped import shipped, shipped_text
    from filterfleet.common.text import did_you_mean, printable

    if name not in shipped():
        raise RecipeError(f"There is no recipe {printable(name)!r}: {did_you_mean(name, shipped())}")
    typer.echo(shipped_text(name), nl=False)
