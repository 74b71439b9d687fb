"""A recipe that somebody has opened in the studio, as the page has it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from filterfleet.common.errors import RecipeError
from filterfleet.common.jobs.recipe import Output, Recipe
from filterfleet.common.jobs.recipe_file import FILE_LIMIT, recipe_of, toml_in
from filterfleet.common.text import printable
from filterfleet.studio.toml import options_of, toml_of
from filterfleet.studio.values import Pictures, to_page
from filterfleet.worker.filters import check_filter


def opened(data: bytes, beside: Mapping[str, bytes]) -> dict[str, Any]:
    """The recipe in TOML, in the form of studio.asked, and its text as the studio writes it. beside: the pictures that
    came with it, by the names of their files; none is read from this machine. used: the names of those that it has.

    Raises RecipeError, with every problem as `recipe check` says it.
    """
    if len(data) > FILE_LIMIT:
        raise RecipeError(f"It is too large for a recipe: it is over {FILE_LIMIT >> 10} KiB.")
    pictures, used = Pictures(), []

    def picture(path: str) -> bytes:
        file = path.replace("\\", "/").rpartition("/")[2]
        if file not in beside:
            raise RecipeError(f"The picture {printable(file)} is not here: choose or drop it together with the recipe.")
        used.append(file)
        pictures.add(beside[file], path)
        return beside[file]

    recipe = recipe_of(toml_in(data), picture, check_filter)
    return {"recipe": _plain(recipe, pictures.names), "toml": toml_of(recipe, pictures.names), "used": used}


def _plain(recipe: Recipe, names: Mapping[bytes, str]) -> dict[str, Any]:
    return {
        "metadata": recipe.metadata.value,
        "damaged": recipe.damaged.value,
        "auto_orient": recipe.auto_orient,
        "outputs": [_output(output, names) for output in recipe.outputs],
    }


def _output(output: Output, names: Mapping[bytes, str]) -> dict[str, Any]:
    return {
        "name": output.name,
        "steps": [
            {"filter": step.filter, "values": {name: to_page(value, names) for name, value in step.parameters}}
            for step in output.steps
        ],
        "encoding": output.encoding,
        "quality": output.quality,
        "options": options_of(output),
    }
