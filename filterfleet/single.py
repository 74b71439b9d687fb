"""One image file through a recipe, in this process."""

from __future__ import annotations

import contextlib
from pathlib import Path

from filterfleet.common.blob import whole
from filterfleet.common.jobs.output_options import ALWAYS
from filterfleet.common.jobs.recipe import Recipe
from filterfleet.recipes import load_recipe
from filterfleet.worker import pipeline


def process(image: bytes, recipe: Recipe | str | Path | None = None) -> dict[str, bytes]:
    """Process one image file. Returns the file of each output, by the output's name;
    outputs that the recipe does not make of such an image are missing.

    The recipe is a Recipe, the name of a recipe that ships ("sketch"), a TOML file, or None for the default recipe.

    Raises FleetError: ImageError for an image that cannot be processed, RecipeError for a recipe that cannot be run.
    """
    chosen = load_recipe(recipe)
    with contextlib.closing(pipeline.process(image, chosen)) as done:
        made = zip(chosen.outputs, done.blobs, strict=True)
        return {one.name: bytes(whole(blob)) for one, blob in made if len(blob) or one.options.when == ALWAYS}
