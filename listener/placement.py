"""Results become files below the output root."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from common.blob import Blob, FileBlob
from common.errors import FleetError
from common.files import sweep, write_atomically
from common.jobs import output_path
from common.protocol import Output
from common.text import printable
from listener.store import TransferError

PRIVATE = ".filterfleet"  # our own folder below the output root: ledger, logs, temporary files

FAILED = "failed"  # the folder that tells of what could not be processed

# What no amount of waiting changes; everything else (a full or read-only disk, say) may pass.
_PERMANENT = frozenset({errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL, errno.ENOTDIR, errno.EISDIR, errno.EEXIST})


class OutputTree:
    """A Sink below a folder of this machine. Raises FleetError when it cannot be had."""

    remote = False

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

    def place(self, source: str, output: Output) -> Path:
        return self.root / output_path(output.name, source, output.format)

    def write(self, source: str, outputs: Sequence[Output], blobs: Sequence[Blob]) -> None:
        with _in_words():
            for output, blob in zip(outputs, blobs, strict=True):
                write_atomically(self.place(source, output), blob, self._scratch)

    def copy(self, original: str, source: str, outputs: Sequence[Output]) -> bool:
        blobs = []
        for output in outputs:
            try:
                blob = FileBlob(os.open(self.place(original, output), os.O_RDONLY))
            except OSError:
                return False
            if len(blob) != output.size:
                return False
            blobs.append(blob)
        self.write(source, outputs, blobs)
        return True

    def write_failed(self, source: str, reason: str, image: Blob | None) -> None:
        copy, text = self._failed(source)
        with _in_words():
            if image is not None:
                write_atomically(copy, image, self._scratch)
            write_atomically(text, f"{printable(reason)}\n".encode(), self._scratch)

    def clear_failed(self, source: str) -> None:
        with _in_words():
            for file in self._failed(source):
                file.unlink(missing_ok=True)

    def _failed(self, source: str) -> tuple[Path, Path]:
        return self.root / FAILED / source, self.root / FAILED / f"{source}.txt"


@contextlib.contextmanager
def _in_words() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = f"The outputs cannot be written: {error.strerror}."
        raise TransferError(reason, transient=error.errno not in _PERMANENT) from None
