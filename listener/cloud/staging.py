"""Uploads to stores that show half-written files: first into a staging folder, from there to their place."""

from __future__ import annotations

import contextlib
import secrets
import threading
from collections.abc import Callable

from filterfleet.listener.cloud.folders import RemoteFolders
from filterfleet.listener.cloud.rclone.errors import shown
from filterfleet.listener.cloud.rclone.remote_files import Rclone
from filterfleet.listener.interfaces import ChangedError, TransferError
from filterfleet.listener.state import PRIVATE

STAGING = f"{PRIVATE}/staging"  # below the output's root


class Staging:
    """The staging folder of one output. Any thread may call its methods, which raise TransferError."""

    def __init__(self, rclone: Rclone, root: str, folders: RemoteFolders) -> None:
        self._rclone = rclone
        self._root = root
        self._folders = folders
        self._lock = threading.Lock()
        self._swept = False
        self._litter: set[str] = set()  # uploads that failed; half of each may be there

    def sweep(self) -> None:
        """Remove, once, what a killed predecessor left. Uploads of another machine would fail and be tried again."""
        with self._lock:
            if not self._swept:
                self._rclone.purge(self._root, STAGING)
                self._swept = True

    def put(self, place: str, put: Callable[[str], None]) -> None:
        """Have put(path) upload to a path in the staging folder, then move that to place.

        Raises ChangedError when put() does.
        """
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
            if not error.transient:  # no later upload of this output would clear it away
                self._tidy()
            reason = str(error).replace(shown(self._root, staged), shown(self._root, place))
            raise TransferError(reason, transient=error.transient) from None
        self._tidy()

    def _move(self, staged: str, place: str) -> None:
        try:
            self._rclone.move(self._root, staged, self._root, place)
        except ChangedError:
            reason = f"{shown(self._root, place)}: the upload was removed before it could be moved to its place."
            raise TransferError(reason, transient=True) from None

    def _leave(self, staged: str) -> None:
        with self._lock:
            self._litter.add(staged)

    def _tidy(self) -> None:
        """Delete what failed uploads left, now that the store works: it keeps half of an upload that is cut off."""
        with self._lock:
            litter, self._litter = self._litter, set()
        with contextlib.suppress(TransferError):  # the next start sweeps what is left
            for staged in litter:
                self._rclone.delete(self._root, staged)
