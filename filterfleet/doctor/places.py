"""The source and the output of a listener, on this machine or in clouds."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from filterfleet.common.errors import FleetError
from filterfleet.common.text import printable
from filterfleet.doctor.disks import check_watches, room
from filterfleet.doctor.finding import Finding, Level, ok, problem
from filterfleet.listener.cloud.rclone.errors import MissingError
from filterfleet.listener.cloud.rclone.remote_files import Rclone
from filterfleet.listener.cloud.rclone.remotes import check_remote, version
from filterfleet.listener.interfaces import TransferError
from filterfleet.listener.settings.location import Remote, check_locations, check_source, parse_location

SOURCE, OUTPUT, RCLONE = "source", "output", "rclone"

_REMEDIES = {
    errno.EACCES: "Let the listener's user write there: chown it, or choose another --output.",
    errno.ENOSPC: "Make room for files, or choose another --output. `df` shows the space, `df -i` how many files fit.",
    errno.EROFS: "Mount it for writing, or choose another --output.",
}
_NOTHING_BELOW = "- /*/**"  # a filter of rclone: no folder is entered


def check_places(source: str | None, output: str | None, config: Path | None) -> Iterator[Finding]:
    """config: rclone's configuration file; None for its own. Each is looked at, whatever is wrong with the other."""
    well = True
    for finding in _each(source, output, config):
        well = well and finding.level is not Level.PROBLEM
        yield finding
    if well and source is not None and output is not None:
        try:
            check_locations(source, output)
        except FleetError as error:
            yield problem(SOURCE, str(error))


def _each(source: str | None, output: str | None, config: Path | None) -> Iterator[Finding]:
    remotes = False
    for check, text in ((SOURCE, source), (OUTPUT, output)):
        if text is None:
            continue
        try:
            place = parse_location(text)
            if isinstance(place, Remote):
                if not remotes:
                    remotes = True
                    yield ok(RCLONE, f"rclone {version()} is there.")
                yield _remote(check, place, config)
            elif check == SOURCE:
                folder = check_source(place)
                yield ok(SOURCE, f"The source {printable(str(folder))} can be read{_by_whom()}.")
                yield from check_watches(folder)
            else:
                yield from _output(place)
        except FleetError as error:
            yield problem(check, str(error))


def _output(folder: Path) -> Iterator[Finding]:
    """Tried with a file that has no name, or else one that is removed."""
    there = next(place for place in (folder, *folder.absolute().parents) if os.path.lexists(place))
    try:
        with tempfile.TemporaryFile(dir=there, prefix=".filterfleet-doctor-"):
            pass
    except OSError as error:
        shown = printable(str(there))
        do = _REMEDIES.get(error.errno or 0, "Choose another --output.")
        yield problem(OUTPUT, f"{shown} cannot be written: {error.strerror}.", do)
        return
    yield ok(OUTPUT, f"The output {printable(str(folder))} can be written{_by_whom()}.")
    yield room(OUTPUT, folder.absolute())


def _by_whom() -> str:
    """Root may do everything, and says nothing of the user who runs the daemon."""
    return " by root; for another user, run doctor as that user" if os.geteuid() == 0 else ""


def _remote(check: str, place: Remote, config: Path | None) -> Finding:
    """Asks the store for what lies in the folder itself. Raises FleetError."""
    check_remote(place.fs, config)
    with (
        tempfile.TemporaryDirectory(prefix="filterfleet-doctor-") as state,
        contextlib.closing(Rclone(Path(state), config=config, transfers=1)) as rclone,
    ):
        try:
            next(rclone.list(place.fs, [_NOTHING_BELOW]), None)
        except MissingError as error:
            if check == SOURCE:
                return problem(check, str(error))
        except TransferError as error:
            return problem(check, str(error), "`rclone lsf` with the same place shows whether rclone can reach it.")
    return ok(check, f"{place} answers.")
