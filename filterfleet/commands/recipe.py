"""`filterfleet recipe`: the group of commands that write, check and show recipes."""

from __future__ import annotations

import typer

from filterfleet.common.process.lazy import LazyCommand, LazyGroup


class _Recipe(LazyGroup):
    members = (
        LazyCommand(
            "init",
            "filterfleet.commands.recipe_files:init",
            "Write a recipe to begin with, with comments that explain it.",
        ),
        LazyCommand(
            "check",
            "filterfleet.commands.recipe_check:check",
            "Say what a recipe does, or everything that is wrong with it (exit code 2).",
        ),
        LazyCommand(
            "try",
            "filterfleet.commands.recipe_try:try_",
            "Try a recipe on one photograph: results, a sheet to look at, and what each step costs.",
        ),
        LazyCommand(
            "list",
            "filterfleet.commands.recipe_files:list_",
            "List the recipes that ship with filterfleet.",
        ),
        LazyCommand(
            "show",
            "filterfleet.commands.recipe_files:show",
            "Print the TOML of a recipe that ships, for you to change.",
        ),
    )


recipe = typer.Typer(
    cls=_Recipe, no_args_is_help=True, help="Write, check and show recipes, which say what becomes of every image."
)
