"""The recipes that ship with filterfleet, each in a TOML file, and how users choose a recipe."""

from __future__ import annotations

import os
from importlib import resources
from pathlib import Path

from filterfleet.common.errors import RecipeError
from filterfleet.common.jobs.recipe import Recipe
from filterfleet.common.jobs.recipe_file import Check, parse_recipe, read_recipe, unchecked
from filterfleet.common.text import did_you_mean, printable

STANDARD = "default"


def shipped() -> tuple[str, ...]:
    """The names of the recipes that ship, with the default one first."""
    files = (file.name for file in resources.files(__name__).iterdir())
    found = sorted(name.removesuffix(".toml") for name in files if name.endswith(".toml"))
    return (STANDARD, *(name for name in found if name != STANDARD))


def shipped_text(name: str) -> str:
    """The TOML of one of these recipes."""
    return (resources.files(__name__) / f"{name}.toml").read_text(encoding="utf-8")


def find_recipe(choice: str | Path, check: Check = unchecked) -> Recipe:
    """The recipe that a user chose. A Path is a file; a text is the name of a recipe that ships, or else a file.

    check is applied to files only, because the recipes that ship are known to be right. Raises RecipeError with every
    problem.
    """
    if isinstance(choice, str) and choice in shipped():
        return parse_recipe(shipped_text(choice).encode(), Path())
    file = Path(choice)
    if isinstance(choice, str) and _is_a_name(choice) and not os.path.exists(choice):  # noqa: PTH110 - False, not an error, for a name that no file can have
        raise RecipeError(f"There is no recipe and no file {printable(choice)!r}: {did_you_mean(choice, shipped())}")
    return read_recipe(file, check)


def _is_a_name(choice: str) -> bool:
    return "/" not in choice and "." not in choice and "\0" not in choice
