"""A folder for files on their way to or from a remote."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from filterfleet.common.blob import Blob, FileBlob, parts
from filterfleet.common.errors import FleetError
from filterfleet.common.files import sweep_folder
from filterfleet.common.ours import own_folder, own_room
from filterfleet.common.text import size_text
from filterfleet.listener.interfaces import TransferError


class SpoolFolder:
    """Files with random names. Every method raises TransferError when the disk fails."""

    def __init__(self, folder: Path) -> None:
        """Makes the folder, and removes what a killed predecessor left there."""
        self._folder = folder
        try:
            with self._in_words(), own_folder(own_room(folder.parent) / folder.name) as opened:
                sweep_folder(opened)
        except FleetError as error:
            raise TransferError(f"The spool {folder} cannot be used: {error}", transient=True) from None

    @contextlib.contextmanager
    def receiving(self, size: int) -> Iterator[Path]:
        """A path for a download of this many bytes. The file is removed at the end.

        A download that fails while the disk has less room than size raises an error that says so: downloaders do not.
        """
        with self._place() as file:
            try:
                yield file
            except TransferError:
                with self._in_words():
                    free = shutil.disk_usage(self._folder).free
                if free < size:
                    reason = f"The spool {self._folder} is full: a file of {size_text(size)} does not fit."
                    raise TransferError(reason, transient=True) from None
                raise

    @contextlib.contextmanager
    def holding(self, blob: Blob) -> Iterator[Path]:
        """A file with this content. It is removed at the end."""
        with self._place() as file:
            with self._in_words(), file.open("wb", buffering=0) as target:
                for part in parts(blob):
                    view = memoryview(part)
                    while view:
                        view = view[target.write(view) :]
            yield file

    def read(self, file: Path) -> FileBlob:
        """The content of a file in the spool, for the caller to close.

        It stays readable when the file is removed, and the kernel frees its space even when we are killed.
        """
        with self._in_words():
            return FileBlob(os.open(file, os.O_RDONLY))

    @contextlib.contextmanager
    def _place(self) -> Iterator[Path]:
        file = self._folder / secrets.token_hex(8)
        try:
            yield file
        finally:
            with contextlib.suppress(OSError):
                file.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _in_words(self) -> Iterator[None]:
        """Turns OSError into TransferError."""
        try:
            yield
        except OSError as error:
            raise TransferError(f"The spool {self._folder} cannot be used: {error.strerror}.", transient=True) from None
