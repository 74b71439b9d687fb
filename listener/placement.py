"""Results become files below the output root."""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Sequence
from pathlib import Path

from common.blob import Blob, FileBlob
from common.errors import FleetError
from common.files import sweep, write_atomically
from common.jobs import output_path
from common.protocol import Output

PRIVATE = ".filterfleet"  # our own folder below the output root: ledger, logs, temporary files

# What no amount of waiting changes; everything else (a full or read-only disk, say) may pass.
_PERMANENT = frozenset({errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL, errno.ENOTDIR, errno.EISDIR, errno.EEXIST})


def is_permanent(error: OSError) -> bool:
    return error.errno in _PERMANENT


class OutputTree:
    """An output root that belongs to this process until close(). Raises FleetError when it cannot be had."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._scratch = root / PRIVATE / "tmp"
        try:
            self._scratch.mkdir(parents=True, exist_ok=True)
            self._lock = (root / PRIVATE / "lock").open("w")
        except OSError as error:
            raise FleetError(f"The output folder {root} cannot be written: {error.strerror}.") from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._lock.close()
            raise FleetError(f"Another listener is writing to {root}: stop it, or choose another --output.") from None
        sweep(self._scratch)

    def close(self) -> None:
        self._lock.close()

    def write(self, source: str, outputs: Sequence[Output], blobs: Sequence[Blob]) -> list[Path]:
        """Put every output of one source path in its place; where each is now. Raises OSError."""
        places = [self._place(source, output) for output in outputs]
        for place, blob in zip(places, blobs, strict=True):
            write_atomically(place, blob, self._scratch)
        return places

    def write_timed(self, source: str, outputs: Sequence[Output], blobs: Sequence[Blob]) -> float:
        """The same; returns the seconds it took."""
        began = time.perf_counter()
        self.write(source, outputs, blobs)
        return time.perf_counter() - began

    def copy(self, original: str, source: str, outputs: Sequence[Output]) -> bool:
        """Place the outputs of another source path with the same content; False when they are no longer there."""
        blobs = []
        for output in outputs:
            try:
                blob = FileBlob(os.open(self._place(original, output), os.O_RDONLY))
            except OSError:
                return False
            if len(blob) != output.size:
                return False
            blobs.append(blob)
        self.write(source, outputs, blobs)
        return True

    def _place(self, source: str, output: Output) -> Path:
        return self.root / output_path(output.name, source, output.format)
