"""`filterfleet demo`: the main job on real photographs, with nothing to set up."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from filterfleet.commands.up import Workers
from filterfleet.common.process.options import RecipeChoice


def demo(
    output: Annotated[Path, typer.Option(help="Folder to work in.")] = Path("demo-output"),
    recipe: RecipeChoice = "default",
    workers: Workers = 2,
) -> None:
    """Process a few photographs with a broker, workers and a listener on this machine, and show the results."""
    from filterfleet.demo.showcase import run_demo

    raise typer.Exit(run_demo(output, recipe, workers))
