"""Who listens on a TCP port of this machine, as the kernel tells (proc_net(5))."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from filterfleet.common.text import printable, shortened

_LISTEN = "0A"  # the state of a socket that listens
_NAME = 120  # characters of a command line that are shown


def listener_on(port: int, machine: Path = Path("/")) -> str | None:
    """The process that listens on this port: its number and command line; empty if it belongs to somebody else, None if
    there is none."""
    sockets = {f"socket:[{number}]" for number in _inodes(port, machine)}
    if not sockets:
        return None
    for process in sorted((machine / "proc").glob("[0-9]*")):
        if sockets & set(_links(process / "fd")):
            return f"process {process.name}, {_command(process)}"
    return ""


def _inodes(port: int, machine: Path) -> Iterator[str]:
    for table in ("tcp", "tcp6"):
        try:
            lines = (machine / "proc/net" / table).read_text().splitlines()[1:]
        except OSError:
            continue
        for fields in map(str.split, lines):
            if len(fields) > 9 and fields[3] == _LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
                yield fields[9]


def _links(folder: Path) -> Iterator[str]:
    with contextlib.suppress(OSError):  # it belongs to somebody else, or has just ended
        for name in os.listdir(folder):
            with contextlib.suppress(OSError):
                yield str((folder / name).readlink())


def _command(process: Path) -> str:
    words = (process / "cmdline").read_bytes().rstrip(b"\0").split(b"\0")
    return shortened(printable(b" ".join(words).decode(errors="replace")), _NAME)
