"""Sets of outputs, renamed from their stages to their places: each set whole or not at all, and durable.

The order is that of a database. All files of a group are made durable, and so is a journal that says which file goes
where. Then the files are renamed. Then their new names are made durable, and only now may the group be recorded. A set
in which a rename fails is undone at once. One that a crash has cut in two is completed from the journal at the next
start; one of which no file was renamed yet is dropped.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from filterfleet.common.files import remove
from filterfleet.common.opening import opened_below
from filterfleet.common.text import printable
from filterfleet.listener.local.journal import Journal, Move
from filterfleet.listener.local.spelling import may_fold, path_found
from filterfleet.listener.local.stages import Stage, Staged

Set = Sequence[Staged]


class PlaceError(Exception):
    """A set is not in its places. target: the path of the file that failed, if it was one of them."""

    def __init__(self, cause: OSError, target: str = "") -> None:
        super().__init__(str(cause))
        self.cause = cause
        self.target = target


class Publisher:
    """For one thread."""

    def __init__(self, root: int, own: Stage, journal: Journal, *, links: bool) -> None:
        """root: a descriptor of the output's root. own: the stage on the file system of the journal. links: links to
        folders are followed."""
        self._root = root
        self._own = own
        self._journal = journal
        self._links = links

    def publish(self, sets: Mapping[str, Set]) -> dict[str, PlaceError]:
        """Put each set in its places. Returns those that failed: nothing of them is there, unless the disk failed when
        all of them were in their places. No staged file is left."""
        failed: dict[str, PlaceError] = {}
        with contextlib.ExitStack() as closing:
            litter: list[Staged] = []
            closing.callback(discard, litter)
            try:
                self._make_durable(list(sets.values()))
            except OSError as error:  # nobody knows which file it was
                litter += (file for files in sets.values() for file in files)
                return dict.fromkeys(sets, PlaceError(error))
            folders = _Folders(self._root, closing, links=self._links)
            for key, files in sets.items():
                try:
                    _place(files, folders, litter)
                except PlaceError as error:
                    failed[key] = error
            try:
                folders.sync()
            except OSError as error:
                return dict.fromkeys(sets, PlaceError(error))
        return failed

    def _make_durable(self, sets: Sequence[Set]) -> None:
        moves = [
            [Move(f"{file.stage.path}/{file.name}", file.target, file.inode()) for file in files] for files in sets
        ]
        self._journal.write([move for move in moves if len(move) > 1])
        names: defaultdict[Stage, list[str]] = defaultdict(list)
        for file in (file for files in sets for file in files):
            names[file.stage].append(file.name)
        synced = {stage for stage, staged in names.items() if stage.sync(staged)}
        if self._own not in synced:
            self._journal.sync()


class _Folders:
    """The folders that a group goes to, each opened once."""

    def __init__(self, root: int, closing: contextlib.ExitStack, *, links: bool) -> None:
        self._root = root
        self._closing = closing
        self._links = links
        self._open: dict[str, int] = {}
        self._changed: defaultdict[Stage, list[int]] = defaultdict(list)

    def of(self, file: Staged) -> tuple[int, str]:
        """A descriptor of the folder of a file's target, made if it is missing, and the target's name in it."""
        folder, _, name = file.target.rpartition("/")
        if folder not in self._open:
            opening = opened_below(self._root, folder, links=self._links, make=True)
            self._open[folder] = self._closing.enter_context(opening)
        self._changed[file.stage].append(self._open[folder])
        return self._open[folder], name

    def check_spelling(self, target: str) -> None:
        """Raises FileExistsError if the file that is there belongs to another source, whose name differs from ours in
        capitals, and other OSErrors."""
        found = path_found(self._root, target, links=self._links)
        if found != target:
            raise FileExistsError(
                errno.EEXIST,
                f"{printable(found)} is there, and this file system takes capitals and small letters for the same: "
                "give one of the images another name",
            )

    def sync(self) -> None:
        """Make the new names in all of them durable."""
        for stage, folders in self._changed.items():
            stage.sync_folders(set(folders), len(folders))


def _place(files: Set, folders: _Folders, litter: list[Staged]) -> None:
    """Rename a set, which may be empty, to its places, or leave everything as it was. Raises PlaceError. What is left
    in the stages is added to litter."""
    places: list[tuple[Staged, int, str]] = []
    done, target = 0, ""
    try:
        for file in files:
            target = file.target
            folder, name = folders.of(file)
            old = _keep_old(file, folder, name)
            litter += old
            if old and may_fold(folder, name) and file.stage.keeps_capitals:
                folders.check_spelling(target)
            places.append((file, folder, name))
        for file, folder, name in places:
            target = file.target
            os.rename(file.name, name, src_dir_fd=file.stage.folder, dst_dir_fd=folder)
            done += 1
    except OSError as error:
        for placed in places[:done]:
            _put_back(*placed)
        litter += files
        raise PlaceError(error, target) from None


def _keep_old(file: Staged, folder: int, name: str) -> list[Staged]:
    """Give the file that is to be replaced a second name in the stage, if there is one. Raises OSError for a folder."""
    try:
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return []
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    old = file.old()
    with contextlib.suppress(OSError):  # where a file cannot have two names, what is replaced cannot come back
        os.link(name, old.name, src_dir_fd=folder, dst_dir_fd=old.stage.folder, follow_symlinks=False)
    return [old]


def _put_back(file: Staged, folder: int, name: str) -> None:
    """Undo one rename."""
    with contextlib.suppress(OSError):
        try:
            os.rename(file.old().name, name, src_dir_fd=file.stage.folder, dst_dir_fd=folder)
        except FileNotFoundError:
            os.unlink(name, dir_fd=folder)


def discard(files: Iterable[Staged]) -> None:
    """Remove files from their stages, those that are still there."""
    for file in files:
        remove(file.name, file.stage.folder)
