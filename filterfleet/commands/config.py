"""`filterfleet config`: the group of commands that print, check and explain settings."""

from __future__ import annotations

import typer

from filterfleet.common.process.lazy import LazyCommand, LazyGroup


class _Config(LazyGroup):
    members = (
        LazyCommand(
            "init",
            "filterfleet.commands.config_files:init",
            "Print a file of settings to begin with, with comments that explain each.",
        ),
        LazyCommand(
            "check",
            "filterfleet.commands.config_files:check",
            "Say everything that is wrong with a file of settings and with variables (exit code 2).",
        ),
        LazyCommand(
            "show",
            "filterfleet.commands.config_show:show",
            "Show what each setting of a command is, and where that comes from.",
            takes_more=True,
        ),
    )


config = typer.Typer(
    cls=_Config, no_args_is_help=True, help="Print, check and explain the settings of the daemons: filterfleet.toml."
)
