"""Commands whose modules are imported only when they run, so that `filterfleet --help` stays fast.

The module of a command imports OpenCV, ZeroMQ or rclone at its top, like any other module. Listing the commands imports
none of these modules: the list shows the short help that each LazyCommand brings along.
"""

from __future__ import annotations

import importlib
from typing import Any, ClassVar

import typer
from typer.core import TyperCommand, TyperGroup

from filterfleet.common.process.loading import loading
from filterfleet.common.process.quick import make_quick


class LazyCommand(TyperCommand):
    """Stands for a command in its group's list, and loads the real one to parse its arguments.

    place is "module:name", where name is a function (a command) or a typer.Typer (a group). short_help must equal the
    first line of the real command's help.
    """

    def __init__(self, name: str, place: str, short_help: str, *, takes_more: bool = False) -> None:
        """takes_more: options that the command does not know are left to it, as typer.Context.args."""
        more: dict[str, Any] = {"ignore_unknown_options": True, "allow_extra_args": True} if takes_more else {}
        super().__init__(name, short_help=short_help, context_settings=more)
        self.place = place

    def load(self) -> Any:
        """Import the module and return its click command."""
        module, _, name = self.place.partition(":")
        with loading():
            target = getattr(importlib.import_module(module), name)
        if isinstance(target, typer.Typer):
            return make_quick(typer.main.get_group(target))
        alone = typer.Typer(add_completion=False)
        alone.command(self.name, context_settings=dict(self.context_settings))(target)
        return make_quick(typer.main.get_command(alone))

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """Running a command, showing its help and completing its arguments all begin here. The context that is returned
        belongs to the real command, so this one plays no further part."""
        return self.load().make_context(info_name, args, parent, **extra)


class LazyGroup(TyperGroup):
    """A group of lazy commands. A subclass lists them in members and is given to typer.Typer as cls."""

    members: ClassVar[tuple[LazyCommand, ...]] = ()

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for member in self.members:
            self.add_command(member)
