"""Folders and the file systems that they are on."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from filterfleet.common.blob import FileBlob
from filterfleet.common.temporary import passed_over
from filterfleet.common.text import printable, size_text
from filterfleet.doctor.finding import Finding, ok, problem, warning
from filterfleet.listener.local.sentinel import Sentinel

TEMPORARY, WATCHES = "temporary files", "notifications"

LITTLE_ROOM = 1 << 30  # bytes; less stops a fleet within minutes
SOME_ROOM = 5 << 30  # bytes; less may be too little for a large folder
MANY_FOLDERS = 200_000  # more are not counted: it would take too long
LEAST_INSTANCES = 16  # of inotify, for one user: each listener takes one, and so does a desktop
_MEMORY = frozenset({"tmpfs", "ramfs"})
_OCTAL = re.compile(r"\\(\d{3})")


def room(
    check: str,
    folder: Path,
    full: str = "Results wait when a disk is full: make room.",
    enough: str = "See that it is enough for all results.",
) -> Finding:
    """How much a file system has room for. The folder may not exist yet; those above it tell, then. full and enough say
    what to do about little room and about some."""
    there = next(place for place in (folder, *folder.parents) if os.path.exists(place))  # noqa: PTH110 - as far as we see
    usage = shutil.disk_usage(there)
    says = f"{_shown(folder)} is on a file system with {size_text(usage.free)} of free space"
    if usage.free < LITTLE_ROOM:
        return problem(check, f"{says}.", full)
    if usage.free < SOME_ROOM:
        return warning(check, f"{says}.", enough)
    return ok(check, f"{says}.")


def check_temporary(mounts: Path = Path("/proc/self/mounts")) -> Iterator[Finding]:
    """The folder where large images wait."""
    try:
        folder = Path(tempfile.gettempdir())
        with FileBlob():  # as a worker makes it
            pass
    except OSError as error:
        reason = error.strerror or "no folder can be written to"
        yield problem(
            TEMPORARY, f"Large images cannot wait in files: {reason}.", "Set TMPDIR to a folder that can be written to."
        )
        return
    if (passed := passed_over()) is not None:
        yield problem(
            TEMPORARY,
            f"TMPDIR names {_shown(passed.named)}, which cannot be used: {passed.reason}. Large images would wait in "
            f"{_shown(folder)}.",
            "Mend that folder, or set TMPDIR to another one.",
        )
    kind = kind_of(folder, mounts)
    if kind in _MEMORY:
        yield warning(
            TEMPORARY,
            f"Large images wait in {_shown(folder)}, which is in memory ({kind}).",
            "Set TMPDIR=/var/tmp, or another folder on a disk, for workers and listeners.",
        )
    yield room(
        TEMPORARY,
        folder,
        "Large images wait there: make room, or set TMPDIR to another folder.",
        "See that it is enough for the large images that wait there.",
    )


def kind_of(folder: Path, mounts: Path) -> str:
    """The kind of the file system of a folder, as the kernel calls it; empty if it does not tell."""
    real, found, kind = Path(os.path.realpath(folder)), Path(), ""
    with contextlib.suppress(OSError):
        for line in mounts.read_text(errors="replace").splitlines():
            fields = line.split(" ")
            place = Path(_OCTAL.sub(lambda match: chr(int(match[1], 8)), fields[1])) if len(fields) > 2 else Path()
            # The longest place counts, and of several mounted there the last one, which hides the others.
            if real.is_relative_to(place) and len(place.parts) >= len(found.parts):
                found, kind = place, fields[2]
    return kind


def check_watches(source: Path, kernel: Path = Path("/proc/sys/fs/inotify")) -> Iterator[Finding]:
    """Whether the system can notify a listener of changes in each folder of a source."""
    watches, instances = _number(kernel / "max_user_watches"), _number(kernel / "max_user_instances")
    if watches is None or instances is None:
        yield warning(WATCHES, "This system does not tell how many folders it can watch.", "Scans find everything.")
        return
    folders = _count_folders(source)
    if folders > watches:
        count = f"{folders:,}" if folders < MANY_FOLDERS else f"more than {MANY_FOLDERS:,}"
        yield warning(
            WATCHES,
            f"The source has {count} folders, and this system watches {watches:,} (fs.inotify.max_user_watches).",
            f"Scans find the rest, later. To be told at once: sysctl fs.inotify.max_user_watches={2 * folders}.",
        )
    elif instances < LEAST_INSTANCES:
        yield warning(
            WATCHES,
            f"This system lets a user watch with {instances} programs at once (fs.inotify.max_user_instances).",
            "When they are used up, scans find everything, later: sysctl fs.inotify.max_user_instances=128.",
        )
    elif (limit := _used_up(source)) is not None:
        raised = 2 * (watches if limit == "max_user_watches" else instances)
        yield warning(
            WATCHES,
            f"The programs of this user have used up all that the system lets them watch (fs.inotify.{limit}).",
            f"Scans find everything, later. To be told at once: sysctl fs.inotify.{limit}={raised}.",
        )
    else:
        yield ok(WATCHES, f"The system can watch every folder of the source: {folders:,}.")


def _used_up(source: Path) -> str | None:
    """The limit that would keep a listener from watching anything now. It takes a second instance of inotify for
    itself."""
    try:
        with contextlib.closing(Sentinel(source)) as sentinel, contextlib.closing(Sentinel(source)):
            return None if sentinel.can_watch_more() else "max_user_watches"
    except OSError as error:
        return "max_user_watches" if error.errno == errno.ENOSPC else "max_user_instances"


def _count_folders(source: Path) -> int:
    count = 0
    for _ in os.walk(source):
        count += 1
        if count >= MANY_FOLDERS:
            break
    return count


def _number(file: Path) -> int | None:
    try:
        return int(file.read_text())
    except (OSError, ValueError):
        return None


def _shown(folder: Path) -> str:
    return printable(str(folder))
