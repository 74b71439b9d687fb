"""`filterfleet systemd`: the group of commands that make the daemons services of this machine."""

from __future__ import annotations

import typer

from filterfleet.common.process.lazy import LazyCommand, LazyGroup


class _Systemd(LazyGroup):
    members = (
        LazyCommand(
            "install",
            "filterfleet.commands.systemd_files:install",
            "Install the daemons as services of this machine, and start them.",
        ),
        LazyCommand(
            "upgrade",
            "filterfleet.commands.systemd_files:upgrade",
            "Bring the units of this machine up to this version, and start the services again.",
        ),
        LazyCommand(
            "uninstall",
            "filterfleet.commands.systemd_files:uninstall",
            "End the services of this machine, and remove their units.",
        ),
    )


systemd = typer.Typer(
    cls=_Systemd, no_args_is_help=True, help="Install the daemons as services of this machine, upgrade or remove them."
)
