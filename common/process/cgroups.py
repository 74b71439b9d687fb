"""What a control group lets its processes have: bytes of memory, and processors (cgroups(7)).

Version 1 has a hierarchy of its own for each controller, version 2 has one for all, and a machine may mount both. A
limit anywhere between a process and the top of its hierarchy holds. A container may see its own group as the top, as
the mount says. The processors of a cpuset are in the affinity of a process already, so nobody reads them here.
"""

from __future__ import annotations

import contextlib
import math
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

_OCTAL = re.compile(r"\\(\d{3})")
_UNIFIED = ""  # what /proc/PID/cgroup calls the controllers of version 2

# Version 1 says "no limit" with the largest number of bytes that is a multiple of the page, of 63 bits.
_NO_LIMIT = 1 << 62


@dataclass(frozen=True, slots=True)
class Limits:
    """memory in bytes, processors as a number that need not be whole; infinite where nothing limits them."""

    memory: float = math.inf
    processors: float = math.inf


@dataclass(frozen=True, slots=True)
class _Mount:
    """A hierarchy, or the part of one below `root`, that is mounted at `place`."""

    controllers: frozenset[str]
    root: PurePosixPath
    place: Path


def limits(machine: Path = Path("/")) -> Limits:
    """The limits of this process. What cannot be read limits nothing. machine: where its /proc and /sys are."""
    memory, processors = [math.inf], [math.inf]
    for controller, group in _groups(machine):
        if controller in (_UNIFIED, "memory"):
            memory += _memory_limits(group, unified=controller == _UNIFIED)
        if controller in (_UNIFIED, "cpu"):
            processors += _processor_limits(group, unified=controller == _UNIFIED)
    return Limits(min(memory), min(processors))


def _groups(machine: Path) -> Iterator[tuple[str, Path]]:
    """The folders of this process's groups and of those above them, each with a controller that it may limit."""
    mounts = list(_mounts(_text(machine / "proc/self/mountinfo")))
    for line in _text(machine / "proc/self/cgroup").splitlines():
        _, names, path = line.split(":", 2)
        for name in names.split(","):
            for mount in mounts:
                if name in mount.controllers:
                    top = machine / mount.place.relative_to("/")
                    below = _below(PurePosixPath(path), mount.root, top)
                    yield from ((name, top / group) for group in (below, *below.parents))


def _below(path: PurePosixPath, root: PurePosixPath, top: Path) -> PurePosixPath:
    """This process's group as it is called below a mount. path: its name in our namespace; root: the name of the group
    that is mounted at top. Where the mount does not show the group, the mount is the nearest that we see."""
    if ".." in root.parts:
        return _searched(len(root.parts) + len(path.parts) - 2, top)
    below = path.relative_to(root) if path.is_relative_to(root) else PurePosixPath()
    return PurePosixPath() if ".." in below.parts else below


def _searched(depth: int, top: Path) -> PurePosixPath:
    """This process's group, that many levels below a mount from outside of our namespace: a container that got the
    /sys/fs/cgroup of its host. No name leads from there to our group, but the group has us in its list."""
    for folder in top.glob("/".join("*" * depth)):
        if str(os.getpid()) in _text(folder / "cgroup.procs").split():
            return PurePosixPath(folder.relative_to(top))
    return PurePosixPath()


def _mounts(mountinfo: str) -> Iterator[_Mount]:
    """proc_pid_mountinfo(5): "36 35 98:0 /root /mount rw,noatime master:1 - cgroup source rw,memory"."""
    for line in mountinfo.splitlines():
        here, separator, there = line.partition(" - ")
        before, after = here.split(), there.split()
        if not separator or len(before) < 5 or len(after) < 3 or after[0] not in ("cgroup", "cgroup2"):
            continue
        names = frozenset({_UNIFIED} if after[0] == "cgroup2" else after[2].split(","))
        yield _Mount(names, PurePosixPath(_plain(before[3])), Path(_plain(before[4])))


def _plain(field: str) -> str:
    return _OCTAL.sub(lambda match: chr(int(match[1], 8)), field)


def _memory_limits(group: Path, *, unified: bool) -> Iterator[float]:
    if unified:
        yield from _numbers(group / "memory.max", group / "memory.high")
        return
    yield from _numbers(group / "memory.limit_in_bytes")
    for line in _text(group / "memory.stat").splitlines():  # it knows of groups above the mount, too
        name, _, value = line.partition(" ")
        if name == "hierarchical_memory_limit":
            yield from _number(value)


def _processor_limits(group: Path, *, unified: bool) -> Iterator[float]:
    if unified:
        quota, _, period = _text(group / "cpu.max").partition(" ")
    else:
        quota, period = (_text(group / f"cpu.cfs_{name}_us") for name in ("quota", "period"))
    with contextlib.suppress(ValueError, ZeroDivisionError):  # "max", or nothing at all
        share = int(quota) / int(period)
        if share > 0:  # version 1 says -1 for no limit
            yield share


def _numbers(*files: Path) -> Iterator[float]:
    for file in files:
        yield from _number(_text(file))


def _number(text: str) -> Iterator[float]:
    with contextlib.suppress(ValueError):  # "max", or nothing at all
        if 0 < (number := int(text)) < _NO_LIMIT:
            yield number


def _text(file: Path) -> str:
    try:
        return file.read_text()
    except (OSError, UnicodeDecodeError):
        return ""
