"""`filterfleet keys`: the group of commands that make and list keys."""

from __future__ import annotations

from typing import Any

import typer

from filterfleet.common.process.lazy import LazyCommand, LazyGroup


class _Keys(LazyGroup):
    members = (
        LazyCommand(
            "make",
            "filterfleet.commands.keys_make:make",
            "Make the keys of a broker, and the keys of the machines that may connect to it.",
        ),
        LazyCommand(
            "list",
            "filterfleet.commands.keys_list:list_",
            "List who may connect to a broker.",
        ),
    )

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Options may come before FOLDER."""
        return super().parse_args(ctx, ["make", *args] if args and args[0][:1] == "-" and args[0] != "--help" else args)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """`filterfleet keys FOLDER` is short for `filterfleet keys make FOLDER`."""
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            args = ["make", *args]
        return super().resolve_command(ctx, args)


keys = typer.Typer(
    cls=_Keys,
    no_args_is_help=True,
    help="Make the keys of a broker and of the machines that may connect to it, and list them.\n\n"
    "`filterfleet keys FOLDER` is short for `filterfleet keys make FOLDER`.",
)
