"""Makes each folder of a remote once, and never two at once: Google Drive would make two folders of one name."""

from __future__ import annotations

import threading

from filterfleet.listener.cloud.rclone.remote_files import Rclone


class RemoteFolders:
    """Remembers which folders exist. Any thread may call its methods, which raise TransferError."""

    def __init__(self, rclone: Rclone, root: str) -> None:
        """root: the remote's folder below which all others are, as rclone names it."""
        self._rclone = rclone
        self._root = root
        self._lock = threading.Lock()
        self._made: set[str] = set()

    def make(self, folder: str) -> None:
        """Make a folder and those above it. Does nothing in stores where folders are only parts of names."""
        if not self._rclone.facts(self._root).folders:
            return
        with self._lock:
            if folder not in self._made:
                self._rclone.make_folder(self._root, folder)
                self._made.add(folder)

    def doubt(self) -> None:
        """Make every folder again when it is needed: a transfer has failed, perhaps because a folder is gone."""
        with self._lock:
            self._made.clear()

    def forget(self) -> None:
        """doubt(), and make rclone forget the folders too: one is gone, and rclone still puts files into it."""
        with self._lock:  # a folder that is made before rclone has forgotten would be made a second time
            self._made.clear()
            self._rclone.forget()
