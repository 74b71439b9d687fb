"""Recipes written by people, in TOML:

[outputs.soft]
steps = ["grayscale", { filter = "gaussian_blur", size = 9, sigma = 2.0 }]
encoding = "jpeg"    # same (default), jpeg or png
quality = 85
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from common.errors import RecipeError
from common.recipe import Output, Recipe, Step

_OUTPUT_KEYS = {"steps", "encoding", "quality"}


def read_recipe(file: Path) -> Recipe:
    """Raises RecipeError, with the file's name, when it is no recipe; filters are checked by who has them."""
    try:
        raw = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecipeError(f"The recipe {file} cannot be read: {error.strerror}.") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise RecipeError(f"The recipe {file} is not TOML: {error}.") from None
    outputs = raw.get("outputs")
    if not isinstance(outputs, dict) or set(raw) != {"outputs"}:
        raise RecipeError(f"The recipe {file} has to consist of tables [outputs.NAME].")
    try:
        recipe = Recipe(tuple(_output(name, table) for name, table in outputs.items()))
        return Recipe.from_bytes(recipe.to_bytes())  # the checks are the same as for one from the wire
    except RecipeError as error:
        raise RecipeError(f"The recipe {file} is wrong: {error}") from None
    except (TypeError, OverflowError):  # dates, and integers over 64 bits
        raise RecipeError(f"The recipe {file} is wrong: a value in it is of no use to any filter.") from None


def _output(name: str, table: Any) -> Output:
    if not isinstance(table, dict) or not isinstance(table.get("steps"), list):
        raise RecipeError(f"Output {name!r} has no list of steps.")
    if unknown := sorted(set(table) - _OUTPUT_KEYS):
        raise RecipeError(
            f"Output {name!r} has the unknown key {unknown[0]!r}; it may have steps, encoding and quality."
        )
    steps = tuple(_step(name, step) for step in table["steps"])
    return Output(name, steps, **{key: table[key] for key in ("encoding", "quality") if key in table})


def _step(output: str, step: Any) -> Step:
    if isinstance(step, str):
        return Step(step)
    if isinstance(step, dict) and isinstance(step.get("filter"), str):
        return Step(step["filter"], tuple(sorted((key, value) for key, value in step.items() if key != "filter")))
    raise RecipeError(f"A step of output {output!r} is neither a filter's name nor a table with the key filter.")
