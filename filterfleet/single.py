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
    """Process one image file in this process, with the result that a worker would give.

    image: the content of the file, in any format that is read (docs/imaging.md).
    recipe: a Recipe, the name of a recipe that ships ("sketch"), the path of a TOML file, or None for the default
        recipe.

    Returns the content of the file of each output, by the output's name, in the order of the recipe. An output that its
    rule (`when`) withholds from this image is missing.

    Raises ImageError if the image cannot be processed, RecipeError if the recipe cannot be read or run, and FilterError
    if a plugin's filter breaks its promises. All of them are FleetErrors (filterfleet.common.errors).
    """
    chosen = load_recipe(recipe)
    with contextlib.closing(pipeline.process(image, chosen)) as done:
        made = zip(chosen.outputs, done.blobs, strict=True)
        return {one.name: bytes(whole(blob)) for one, blob in made if len(blob) or one.options.when == ALWAYS}
