"""Command line options that several commands share."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from filterfleet.common.private import GROUP_READ
from filterfleet.common.text import parse_size

SMALLEST_MEMORY = 64 << 20  # bytes


def positive_size(text: str) -> int:
    """Bytes, for typer's parser=."""
    size = parse_size(text)
    if not size:
        raise typer.BadParameter(f"{text!r} is not a size such as 500M or 2G.")
    return size


def _memory(text: str) -> int:
    size = parse_size(text)
    if size is None or size < SMALLEST_MEMORY:
        raise typer.BadParameter(f"{text!r} is not an amount of memory such as 500M or 2G. The smallest is 64M.")
    return size


def _trust_group(value: bool) -> bool:
    """At once, before a key is read, and for the processes that the command starts."""
    if value:
        os.environ[GROUP_READ] = "1"
    return value


BrokerHost = Annotated[
    str,
    typer.Option(
        "--broker",
        metavar="HOST[,HOST...]",
        help="Name or address of the broker's machine, or of several brokers that stand in for each other.",
    ),
]
# Every command that talks to a broker takes both ports, so that the same options fit all of these commands.
FrontendPort = Annotated[int, typer.Option("--frontend-port", min=1, max=65535, help="The broker's port for clients.")]
BackendPort = Annotated[int, typer.Option("--backend-port", min=1, max=65535, help="The broker's port for workers.")]
Keys = Annotated[
    Path | None,
    typer.Option("--keys", metavar="FOLDER", help="Folder with the keys to connect with; see `filterfleet keys`."),
]
GroupRead = Annotated[
    bool,
    typer.Option(
        "--allow-group-read",
        callback=_trust_group,
        help="Take secret keys that a group of this process may read (mode 0440, as with the fsGroup of Kubernetes).",
    ),
]
NoSandbox = Annotated[
    bool,
    typer.Option(
        "--no-sandbox",
        help="Let the processes that decode images reach all that you can reach: files, network, programs.",
    ),
]
SHARE = typer.Option(
    "--share",
    metavar="NAME=DIR",
    help="A folder that listener and workers both see, under a name that all of them use: images in it do not travel. "
    "NAME=DIR:ro is only read. May be given several times.",
)
ShareFolders = Annotated[list[str] | None, SHARE]
Metrics = Annotated[
    str | None,
    typer.Option(
        "--metrics",
        metavar="[HOST:]PORT",
        help="Serve metrics for Prometheus here, at /metrics. Without HOST, only this machine can read them.",
        show_default="none",
    ),
]
RecipeChoice = Annotated[
    str,
    typer.Option("--recipe", metavar="FILE|NAME", help="A TOML file, or a recipe of `filterfleet recipe list`."),
]
Memory = Annotated[
    int | None,
    typer.Option(
        parser=_memory,
        metavar="SIZE",
        help="Memory that one process may use for images, such as 500M or 2G. "
        "More lets it work on more large images at once; less leaves room for other programs.",
        show_default="half of the machine's memory, shared out",
    ),
]
