"""A folder of this machine as a sink: results become files below it."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from filterfleet.common.blob import Blob, FileBlob
from filterfleet.common.errors import FleetError
from filterfleet.common.files import sweep, write_atomically
from filterfleet.common.jobs.names import output_path
from filterfleet.common.private import make_private_folder
from filterfleet.common.wire import OutputFile
from filterfleet.listener.claim import claim
from filterfleet.listener.failed import failed_places, failed_text
from filterfleet.listener.interfaces import TransferError
from filterfleet.listener.state import PRIVATE

# Errors that trying again does not cure. All others may pass, for instance a disk that is full or read-only.
_PERMANENT = frozenset({errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL, errno.ENOTDIR, errno.EISDIR, errno.EEXIST})


class OutputTree:
    """A Sink. Files are written below PRIVATE and renamed, so that each appears whole."""

    remote = False

    def __init__(self, root: Path) -> None:
        """Raises FleetError when root cannot be written, and when another listener writes there."""
        self.root = root
        self._scratch = root / PRIVATE / "tmp"
        try:
            make_private_folder(self._scratch.parent)
            self._scratch.mkdir(exist_ok=True)
        except OSError as error:
            raise FleetError(f"The output folder {root} cannot be written: {error.strerror}.") from None
        self._lock = claim(root / PRIVATE / "lock", f"writing to {root}", "choose another --output")
        sweep(self._scratch)

    def close(self) -> None:
        self._lock.close()

    def place(self, source: str, output: OutputFile) -> Path:
        """The path of one output of the image with the path source."""
        return self.root / output_path(output.name, source, output.format)

    def write(self, source: str, outputs: Sequence[OutputFile], blobs: Sequence[Blob]) -> None:
        with _in_words():
            for output, blob in zip(outputs, blobs, strict=True):
                write_atomically(self.place(source, output), blob, self._scratch)

    def copy(self, original: str, source: str, outputs: Sequence[OutputFile]) -> bool:
        with contextlib.ExitStack() as closing:
            blobs = []
            for output in outputs:
                try:
                    blob = closing.enter_context(FileBlob(os.open(self.place(original, output), os.O_RDONLY)))
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
            write_atomically(text, failed_text(reason), self._scratch)

    def clear_failed(self, source: str) -> None:
        with _in_words():
            for file in self._failed(source):
                file.unlink(missing_ok=True)

    def _failed(self, source: str) -> tuple[Path, Path]:
        image, text = failed_places(source)
        return self.root / image, self.root / text


@contextlib.contextmanager
def _in_words() -> Iterator[None]:
    """Turns OSError into TransferError."""
    try:
        yield
    except OSError as error:
        reason = f"The outputs cannot be written: {error.strerror}."
        raise TransferError(reason, transient=error.errno not in _PERMANENT) from None
