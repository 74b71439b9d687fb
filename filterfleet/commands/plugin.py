"""`filterfleet plugin`: the group of commands for authors of filters."""

from __future__ import annotations

import typer

from filterfleet.common.process.lazy import LazyCommand, LazyGroup


class _Plugin(LazyGroup):
    members = (
        LazyCommand(
            "init",
            "filterfleet.commands.plugin_init:init",
            "Write a package with a filter of your own: the filter, its test, and what pip needs.",
        ),
    )


plugin = typer.Typer(cls=_Plugin, no_args_is_help=True, help="Begin a package with filters of your own.")
