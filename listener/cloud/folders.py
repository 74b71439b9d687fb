"""Folders of a remote: each made once, and never by two threads at a time, which in Google Drive would make two."""

from __future__ import annotations

import threading

from filterfleet.listener.cloud.rclone.remote_files import Rclone


class RemoteFolders:
    """Remembers which folders are there. Everything may be called from any thread and raises TransferError."""

    def __init__(self, rclone: Rclone, root: str) -> None:
        self._rclone = rclone
        self._root = root
        self._lock = threading.Lock()
        self._made: set[str] = set()

    def make(self, folder: str) -> None:
        """With those above it; nothing where folders are only a part of names."""
        if not self._rclone.facts(self._root).folders:
            return
        with self._lock:
            if folder not in self._made:
                self._rclone.make_folder(self._root, folder)
                self._made.add(folder)

    def doubt(self) -> None:
        """Make them all again: something has failed, and that one of them is gone may be why."""
        with self._lock:
            self._made.clear()

    def forget(self) -> None:
        """The same, and have rclone forget them, too: one of them is gone, and rclone still puts files into it."""
        with self._lock:  # nobody makes one while rclone forgets, who would make it a second time
            self._made.clear()
            self._rclone.forget()
