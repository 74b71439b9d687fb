"""What is being renamed to where, so that a start after a crash can complete what was begun."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from filterfleet.common.logs import get_logger
from filterfleet.common.opening import opened_below
from filterfleet.common.ours import file_in

JOURNAL = "placing"  # below PRIVATE

# Bytes by which the journal grows. It is overwritten in its place and never shortened, so that making it durable costs
# the disk one write.
BLOCK = 4096
LIMIT = 64 << 20  # bytes of a journal that is read

log = get_logger("listener")


class Move(NamedTuple):
    """A rename. Both paths are below the output's root; inode is the number of the file."""

    staged: str
    target: str
    inode: int


Moves = Sequence[Sequence[Move]]  # of whole sets


class Journal:
    """The sets that are being renamed. A new group of sets takes the place of the one before, which is over."""

    def __init__(self, folder: int, shown: Path) -> None:
        """folder: a descriptor of our folder. Raises FleetError when the file is not ours."""
        self._descriptor = file_in(folder, JOURNAL, shown / JOURNAL)
        self._written = False

    def close(self) -> None:
        os.close(self._descriptor)

    def write(self, sets: Moves) -> None:
        """These sets are about to be renamed; it is durable after sync(). Raises OSError."""
        self._written = bool(sets)
        if sets:
            line = json.dumps(sets).encode() + b"\n"
            data = line.ljust(-(-len(line) // BLOCK) * BLOCK)
            written = 0
            while written < len(data):
                written += os.pwrite(self._descriptor, data[written:], written)

    def sync(self) -> None:
        """Raises OSError."""
        if self._written:
            os.fdatasync(self._descriptor)

    def recover(self, root: int, *, links: bool) -> None:
        """Complete the sets of which a crash has left some files renamed, and others not.

        root: a descriptor of the output's root. A rename is begun only when all files of its set are durable, so the
        others can follow the one that is seen to be in its place.
        """
        for moves in self._read():
            waiting = [move for move in moves if not _is_in_place(root, move, links=links)]
            if 0 < len(waiting) < len(moves):
                for move in waiting:
                    _complete(root, move, links=links)

    def _read(self) -> Moves:
        try:
            line = os.pread(self._descriptor, LIMIT, 0).partition(b"\n")[0]
            return [[Move(*move) for move in moves] for moves in json.loads(line)]
        except (ValueError, TypeError, OSError):  # there is none, or it was being written: no rename had begun then
            return []


def _is_in_place(root: int, move: Move, *, links: bool) -> bool:
    folder, _, name = move.target.rpartition("/")
    try:
        with opened_below(root, folder, links=links) as opened:
            return os.stat(name, dir_fd=opened, follow_symlinks=False).st_ino == move.inode
    except OSError:
        return False


def _complete(root: int, move: Move, *, links: bool) -> None:
    (source, _, staged), (target, _, name) = move.staged.rpartition("/"), move.target.rpartition("/")
    with (
        contextlib.suppress(OSError),  # the listener makes the image's outputs again in any case
        opened_below(root, source, links=links) as there,
        opened_below(root, target, links=links) as here,
    ):
        if os.stat(staged, dir_fd=there, follow_symlinks=False).st_ino == move.inode:
            os.rename(staged, name, src_dir_fd=there, dst_dir_fd=here)
            log.info("completed a set of outputs that a crash had cut in two", output=move.target)
