"""Files of ours on the file system of their target, until they are renamed to it."""

from __future__ import annotations

import contextlib
import functools
import os
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from filterfleet.common.blob import Blob
from filterfleet.common.errors import FleetError
from filterfleet.common.files import sweep_folder, write_new
from filterfleet.common.opening import opened_below
from filterfleet.common.ours import folder_in
from filterfleet.common.text import printable
from filterfleet.listener.claim import claim_in
from filterfleet.listener.interfaces import TransferError
from filterfleet.listener.local.mounts import is_whole, mount_of, sync_all, sync_file, sync_folder
from filterfleet.listener.local.spelling import keeps_capitals
from filterfleet.listener.state import LOCK, PRIVATE

SCRATCH = "tmp"  # below PRIVATE

# Files that are made durable one by one rather than with all that is dirty on their file system. More: a few outputs
# wait less often for what other programs have written. Less: they wait for fewer writes of the disk. On a busy ext4,
# three files and their names took 13 ms by syncfs() and 36 ms by fsync(); one file takes as long either way.
FEW = 1

REMEMBERED = 10_000  # folders of which we remember the file system


class Stage:
    """A folder of ours on one file system."""

    def __init__(self, folder: int, path: str, mount: int) -> None:
        """folder: a descriptor, open for reading. path: below the output's root."""
        self.folder = folder
        self.path = path
        self._whole = is_whole(mount)

    @functools.cached_property
    def keeps_capitals(self) -> bool:
        """Whether names on this file system are shown as they were given."""
        return keeps_capitals(self.folder)

    def write(self, blob: Blob, like: os.stat_result | None = None) -> str:
        """Write a new file, and return its name. It is durable after sync(). Raises OSError."""
        return write_new(self.folder, blob, like=like, durable=not self._whole)

    def sync(self, names: Sequence[str]) -> bool:
        """Make files durable that write() has made. Returns whether that made everything here durable. Raises
        OSError."""
        if self._whole and len(names) > FEW:
            sync_all(self.folder)
            return True
        if self._whole:
            for name in names:
                sync_file(name, self.folder)
        return False

    def sync_folders(self, folders: Iterable[int], names: int) -> None:
        """Make this number of names in folders of this file system durable. Raises OSError."""
        if self._whole and names > FEW:
            sync_all(self.folder)
            return
        for folder in folders:
            sync_folder(folder)


@dataclass(frozen=True, slots=True)
class Staged:
    """A file that waits in a stage to be renamed to its target, a path below the output's root."""

    stage: Stage
    name: str
    target: str

    def old(self) -> Staged:
        """The file that it replaces, until its set is in place."""
        return Staged(self.stage, self.name + ".old", self.target)

    def inode(self) -> int:
        """The number of the file. Raises OSError."""
        return os.stat(self.name, dir_fd=self.stage.folder, follow_symlinks=False).st_ino


class Stages:
    """The stages of one output: one below PRIVATE in its root, and one for each other file system below that.

    Any thread may call its methods.
    """

    def __init__(self, root: int, shown: Path, scratch: int, *, links: bool) -> None:
        """root, scratch: descriptors of the output's root and of SCRATCH in it. shown: the root's path. links: links to
        folders are followed."""
        self._root = root
        self._shown = shown
        self._links = links
        self._open = contextlib.ExitStack()
        self._lock = threading.Lock()
        mount = mount_of(scratch)
        self.own = Stage(scratch, f"{PRIVATE}/{SCRATCH}", mount)
        self._by_mount = {mount: self.own}
        self._by_folder: dict[str, Stage] = {}

    def close(self) -> None:
        self._open.close()

    def of(self, folder: str) -> Stage:
        """The stage for files that are to be renamed into this folder, which is made. Raises OSError, and TransferError
        when we cannot have a stage there."""
        stage = self._by_folder.get(folder)
        if stage is None:
            with opened_below(self._root, folder, links=self._links, make=True) as descriptor:
                mount = mount_of(descriptor)
            with self._lock:
                stage = self._by_mount.get(mount) or self._make(folder, mount)
                if len(self._by_folder) >= REMEMBERED:
                    self._by_folder.clear()
                self._by_folder[folder] = self._by_mount[mount] = stage
        return stage

    def forget(self) -> None:
        """Look again on which file system each folder is: something may have been mounted."""
        self._by_folder.clear()

    def _make(self, folder: str, mount: int) -> Stage:
        """A stage in the uppermost folder of this mount that leads to folder."""
        parts = folder.split("/")
        for depth in range(1, len(parts) + 1):
            top = "/".join(parts[:depth])
            with opened_below(self._root, top, links=self._links) as descriptor:
                if mount_of(descriptor) == mount:
                    return self._opened(top, descriptor, mount)
        raise OSError(0, "its file system was replaced meanwhile")

    def _opened(self, top: str, folder: int, mount: int) -> Stage:
        """Our stage in this folder, swept."""
        shown = self._shown / top / PRIVATE
        with contextlib.ExitStack() as undo:
            try:
                private = folder_in(folder, PRIVATE, shown)
                undo.callback(os.close, private)
                scratch = folder_in(private, SCRATCH, shown / SCRATCH)
                undo.callback(os.close, scratch)
                lock = claim_in(
                    private, shown / LOCK, f"writing to {printable(str(shown.parent))}", "choose another --output"
                )
                undo.callback(lock.close)
            except FleetError as error:
                raise TransferError(str(error), transient=True) from None
            sweep_folder(scratch)
            self._open.push(undo.pop_all())
        return Stage(scratch, f"{top}/{PRIVATE}/{SCRATCH}", mount)
