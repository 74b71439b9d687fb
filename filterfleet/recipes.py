"""The recipe that a command was given, checked against the filters of this machine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from filterfleet.common.jobs.recipe import Recipe, Value
from filterfleet.common.jobs.shipped import STANDARD, find_recipe


def load_recipe(choice: Recipe | str | Path | None) -> Recipe:
    """A recipe, the name of a recipe that ships, a file, or None for the default recipe.

    Raises RecipeError with every problem.
    """
    if isinstance(choice, Recipe):
        # As in check_filter.
        from filterfleet.worker.filters import check_recipe

        check_recipe(choice)
        return choice
    return find_recipe(STANDARD if choice is None else choice, check_filter)


def check_filter(name: str, parameters: Mapping[str, Value | None]) -> Iterable[str]:
    """filterfleet.worker.filters.check_filter, for find_recipe."""
    # OpenCV comes with the filters. `up`, `listener` and `submit` need neither for a recipe that ships, and save 30 MB.
    from filterfleet.worker import filters

    return filters.check_filter(name, parameters)
