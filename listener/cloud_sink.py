"""A folder in a cloud as a sink: results pass through the spool, are uploaded, and looked at when they are there."""

from __future__ import annotations

import fcntl
import functools
import secrets
import threading
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath

from common.blob import Blob
from common.errors import FleetError
from common.jobs import output_path
from common.protocol import Output
from common.text import printable
from listener.location import Remote
from listener.placement import FAILED, PRIVATE
from listener.rclone.remote_files import Rclone
from listener.spool import Spool
from listener.store import ChangedError, TransferError

STAGING = f"{PRIVATE}/staging"  # below the output root: for uploads of which some stores show the first half


class CloudSink:
    """A Sink. That two never write to one place is what its callers promise. That one folder is made by one thread it
    sees to itself: Google Drive would make it twice."""

    remote = True

    def __init__(self, rclone: Rclone, root: Remote, state: Path) -> None:
        """The remote can be reached; state is a folder for this source and output. Raises FleetError."""
        self._root = str(root)
        self._rclone = rclone
        self._facts = rclone.facts(self._root)
        self._staged = self._facts.can_move and not self._facts.atomic
        self._spool = Spool(state / "spool" / "out")
        self._making = threading.Lock()
        self._made: set[str] = set()  # folders
        self._swept = not self._staged
        self._lock = (state / "lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._lock.close()
            raise FleetError(f"Another listener is writing to {root}: stop it, or choose another --output.") from None

    def close(self) -> None:
        self._lock.close()

    def write(self, source: str, outputs: Sequence[Output], blobs: Sequence[Blob]) -> None:
        for output, blob in zip(outputs, blobs, strict=True):
            self._upload(output_path(output.name, source, output.format), blob)

    def copy(self, original: str, source: str, outputs: Sequence[Output]) -> bool:
        places = [(output_path(output.name, original, output.format), output) for output in outputs]
        for place, output in places:
            entry = self._rclone.stat(self._root, place)
            if entry is None or entry.size != output.size:
                return False
        try:
            for place, output in places:
                put = functools.partial(self._rclone.copy, self._root, place, self._root)
                self._put(output_path(output.name, source, output.format), output.size, put)
        except ChangedError:
            return False
        return True

    def write_failed(self, source: str, reason: str, image: Blob | None) -> None:
        if image is not None:
            self._upload(f"{FAILED}/{source}", image)
        self._upload(f"{FAILED}/{source}.txt", f"{printable(reason)}\n".encode())

    def clear_failed(self, source: str) -> None:
        self._rclone.delete(self._root, f"{FAILED}/{source}")
        self._rclone.delete(self._root, f"{FAILED}/{source}.txt")

    def _upload(self, place: str, blob: Blob) -> None:
        with self._spool.holding(blob) as file:
            self._put(place, len(blob), lambda to: self._rclone.upload(file, self._root, to))

    def _put(self, place: str, size: int, put: Callable[[str], None]) -> None:
        """Have put(path) bring so many bytes there, and see that they are."""
        self._sweep()
        for _ in range(2):
            self._make_folder(str(PurePosixPath(place).parent))
            if self._staged:
                staged = f"{STAGING}/{secrets.token_hex(8)}"
                self._make_folder(STAGING)
                put(staged)
                self._rclone.move(self._root, staged, self._root, place)
            else:
                put(place)
            entry = self._rclone.stat(self._root, place)
            if entry is not None and entry.size == size:
                return
            self._forget()  # somebody has removed a folder, and rclone still puts files into it
        raise TransferError(f"{self._root}/{printable(place)} was uploaded, and is not there.", transient=True)

    def _make_folder(self, folder: str) -> None:
        if not self._facts.folders or folder in self._made:
            return
        with self._making:
            if folder not in self._made:
                self._rclone.make_folder(self._root, folder)
                self._made.add(folder)

    def _forget(self) -> None:
        with self._making:
            self._made.clear()
            self._rclone.forget()

    def _sweep(self) -> None:
        """What a killed predecessor left half uploaded; before the first upload, when the store can be reached."""
        with self._making:
            if not self._swept:
                self._rclone.purge(self._root, STAGING)
                self._swept = True
