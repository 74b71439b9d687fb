"""Uploads to a store that shows half of one: under a name of ours first, then moved to where they belong."""

from __future__ import annotations

import contextlib
import secrets
import threading
from collections.abc import Callable

from filterfleet.listener.cloud.folders import RemoteFolders
from filterfleet.listener.cloud.rclone.errors import shown
from filterfleet.listener.cloud.rclone.remote_files import Rclone
from filterfleet.listener.interfaces import ChangedError, TransferError
from filterfleet.listener.local.sink import PRIVATE

STAGING = f"{PRIVATE}/staging"  # below the output root


class Staging:
    """Everything may be called from any thread and raises TransferError."""

    def __init__(self, rclone: Rclone, root: str, folders: RemoteFolders) -> None:
        self._rclone = rclone
        self._root = root
        self._folders = folders
        self._lock = threading.Lock()
        self._swept = False
        self._litter: set[str] = set()  # what failed, and may be there

    def sweep(self) -> None:
        """Remove what a killed predecessor left, once. Who uploads meanwhile from another machine has to try again."""
        with self._lock:
            if not self._swept:
                self._rclone.purge(self._root, STAGING)
                self._swept = True

    def put(self, place: str, put: Callable[[str], None]) -> None:
        """Have put(path) upload to a name that nobody looks at, then move that to its place. Raises ChangedError when
        put does."""
        self.sweep()
        self._folders.make(STAGING)
        staged = f"{STAGING}/{secrets.token_hex(8)}"
        try:
            put(staged)
            self._move(staged, place)
        except ChangedError:
            self._leave(staged)
            raise
        except TransferError as error:
            self._leave(staged)
            if not error.transient:  # nobody comes again
                self._tidy()
            reason = str(error).replace(shown(self._root, staged), shown(self._root, place))
            raise TransferError(reason, transient=error.transient) from None
        self._tidy()

    def _move(self, staged: str, place: str) -> None:
        try:
            self._rclone.move(self._root, staged, self._root, place)
        except ChangedError:
            reason = f"{shown(self._root, place)}: the upload was removed before it was in its place."
            raise TransferError(reason, transient=True) from None

    def _leave(self, staged: str) -> None:
        with self._lock:
            self._litter.add(staged)

    def _tidy(self) -> None:
        """Now that the store does what it is told: of an upload that was cut off it has kept half."""
        with self._lock:
            litter, self._litter = self._litter, set()
        with contextlib.suppress(TransferError):  # another sweep is made at the next start
            for staged in litter:
                self._rclone.delete(self._root, staged)
