"""Which files and ports a process that decodes images needs."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path

from filterfleet.common.shares.names import Share
from filterfleet.common.shares.room import ROOM

PLUGINS = "filterfleet.filters"  # the group of entry points that worker.filters.plugins loads

# Where systems keep libraries and what belongs to them, for everybody to read.
LIBRARIES = ("/usr", "/lib", "/lib64", "/nix/store", "/gnu/store", "/etc/ld.so.cache", "/etc/localtime")

# What libraries ask the kernel about the machine and this process: how many processors, and how much memory.
KERNEL = (
    "/sys/devices/system/cpu",
    "/sys/devices/system/node",
    "/sys/fs/cgroup",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/stat",
    "/proc/sys/vm/overcommit_memory",
    "/dev/random",
    "/dev/urandom",
    "/dev/zero",
)


@dataclass(frozen=True, slots=True)
class Rules:
    """read: files and folders to read. spool: folders for files that nobody else has to find. devices: files to read
    and write. ports: TCP ports to connect to, on any machine.
    """

    read: Sequence[Path]
    spool: Sequence[Path]
    devices: Sequence[Path]
    ports: Sequence[int]


def rules(ports: Sequence[int], shares: Collection[Share] = ()) -> Rules:
    """The rules for this process, as it is now: its interpreter, its packages and plugins, its $TMPDIR, and shares,
    whose rooms are there already."""
    code = (
        Path(entry) for entry in (*sys.path, sys.prefix, sys.base_prefix, sys.exec_prefix, *_library_path()) if entry
    )
    fixed = map(Path, (*LIBRARIES, *KERNEL, f"/proc/{os.getpid()}"))
    read = [*fixed, *_narrow(code), *_narrow(_plugins()), *(Path(share.folder) for share in shares)]
    rooms = [Path(share.folder, *ROOM) for share in shares if not share.read_only]
    return Rules(read, [*_spool(), *rooms], [Path("/dev/null")], ports)


def _narrow(folders: Iterable[Path]) -> Iterator[Path]:
    """Those that do not hold a whole home or machine: such a folder is in sys.path when a script lies in it."""
    home = Path(os.environ.get("HOME") or "/").resolve()
    for folder in folders:
        if not home.is_relative_to(real := folder.resolve()):
            yield real


def _library_path() -> list[str]:
    return os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep)


def _plugins() -> Iterator[Path]:
    """The files of plugins that are installed for editing, whose folders need not be in sys.path."""
    # It takes 20 ms, and a process that only starts others has no use for it.
    from importlib.metadata import entry_points

    for name in {plugin.module.partition(".")[0] for plugin in entry_points(group=PLUGINS)}:
        try:
            found: ModuleSpec | None = find_spec(name)
        except (ImportError, ValueError):  # it will be reported when it is loaded
            continue
        if found is not None:
            yield from map(Path, found.submodule_search_locations or filter(None, [found.origin]))


def _spool() -> list[Path]:
    try:
        return [Path(tempfile.gettempdir())]
    except FileNotFoundError:  # there is none; large images will say so
        return []
