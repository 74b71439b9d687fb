"""One image file through a recipe, in this process."""

from __future__ import annotations

import contextlib
from pathlib import Path

from filterfleet.common.blob import whole
from filterfleet.common.jobs.recipe import Recipe
from filterfleet.recipes import load_recipe
from filterfleet.worker import pipeline


def process(image: bytes, recipe: Recipe | str | Path | None = None) -> dict[str, bytes]:
    """Process one image file. Returns the file of each output, by the output's name.

    The recipe is a Recipe, the name of a recipe that ships ("sketch"), a TOML file, or None for the default recipe.

    Raises FleetError: ImageError for an image that cannot be processed, RecipeError for a recipe that cannot be run.
    """
    with contextlib.closing(pipeline.process(image, load_recipe(recipe))) as done:
        return {output.name: bytes(whole(blob)) for output, blob in zip(done.outputs, done.blobs, strict=True)}
