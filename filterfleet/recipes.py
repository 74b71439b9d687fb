"""The recipe a command was given, checked against the filters of this machine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from filterfleet.common.jobs.recipe import Recipe, Value


def load_recipe(choice: Recipe | str | Path | None) -> Recipe:
    """A recipe, the name of one that ships, a file, or None for the default. Raises RecipeError with every problem."""
    from filterfleet.common.jobs.shipped import STANDARD, find_recipe

    if isinstance(choice, Recipe):
        from filterfleet.worker.filters import check_recipe

        check_recipe(choice)
        return choice
    return find_recipe(STANDARD if choice is None else choice, check_filter)


def check_filter(name: str, parameters: Mapping[str, Value | None]) -> Iterable[str]:
    """filterfleet.worker.filters.check_filter, imported when something is to be checked: it takes OpenCV with it."""
    from filterfleet.worker import filters

    return filters.check_filter(name, parameters)
