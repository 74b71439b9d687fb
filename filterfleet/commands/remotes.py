"""`filterfleet remotes`: the clouds that rclone is configured for."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from filterfleet.common.text import printable, size_text
from filterfleet.listener.cloud.rclone.remotes import check_remote, known, known_remotes, room, version


def remotes(
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="A remote, to show how much space it has.", show_default=False),
    ] = None,
    rclone_config: Annotated[
        Path | None,
        typer.Option(help="rclone's configuration file.", show_default="rclone's own"),
    ] = None,
) -> None:
    """Show the remotes that can be a source or an output, or the space of one remote."""
    if name:
        _show(name.removesuffix(":"), rclone_config)
        return
    found = known_remotes(rclone_config)
    typer.echo(f"rclone {version()}")
    if not found:
        typer.echo("No remote is configured yet: `rclone config` makes one.")
        return
    table = Table("remote", "kind", box=box.SIMPLE_HEAD)
    for remote in found:
        table.add_row(printable(f"{remote.name}:"), printable(remote.kind))
    Console(markup=False, emoji=False).print(table)  # brackets and colons in names are what they are
    typer.echo("The space of one remote: filterfleet remotes NAME")


def _show(name: str, config: Path | None) -> None:
    remote = known(name, config)
    check_remote(f"{name}:", config)
    typer.echo(printable(f"{remote.name}: {remote.kind}"))
    space = room(name, config)
    if space is None:
        typer.echo("This kind of store does not tell how much space it has.")
        return
    for title, size in (("total", space.total), ("used", space.used), ("free", space.free)):
        if size is not None:
            typer.echo(f"{title:5} {size_text(size)}")
