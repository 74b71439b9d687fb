"""A folder for files on their way to or from a cloud, which have no name that anybody chose."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from common.blob import Blob, parts
from common.files import sweep
from listener.store import TransferError


class Spool:
    """Whatever is in the folder at the beginning is a dead predecessor's, and is removed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with self._in_words():
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            sweep(folder)

    @contextlib.contextmanager
    def place(self) -> Iterator[Path]:
        """A path for one file, which is gone afterwards. An OSError meanwhile is a TransferError."""
        file = self._folder / secrets.token_hex(8)
        try:
            with self._in_words():
                yield file
        finally:
            with contextlib.suppress(OSError):
                file.unlink(missing_ok=True)

    @contextlib.contextmanager
    def holding(self, blob: Blob) -> Iterator[Path]:
        """A file with these bytes."""
        with self.place() as file:
            with file.open("wb", buffering=0) as target:
                for part in parts(blob):
                    view = memoryview(part)
                    while view:
                        view = view[target.write(view) :]
            yield file

    def open(self, file: Path) -> int:
        """A descriptor of a file that loses its name by that."""
        with self._in_words():
            descriptor = os.open(file, os.O_RDONLY)
            file.unlink()
            return descriptor

    @contextlib.contextmanager
    def _in_words(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise TransferError(f"The spool {self._folder} cannot be used: {error.strerror}.", transient=True) from None
