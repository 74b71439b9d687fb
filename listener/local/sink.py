"""A folder of this machine as a sink: results become files below it."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from filterfleet.common.blob import Blob, FileBlob
from filterfleet.common.errors import FleetError
from filterfleet.common.files import sweep_folder, write_into
from filterfleet.common.jobs.names import output_path
from filterfleet.common.opening import LinkError, open_file, opened_below
from filterfleet.common.ours import folder_in, own_folder
from filterfleet.common.private import FOLDER, close_to_others
from filterfleet.common.text import printable
from filterfleet.common.wire import OutputFile
from filterfleet.listener.claim import claim_in
from filterfleet.listener.failed import failed_places, failed_text
from filterfleet.listener.interfaces import TransferError
from filterfleet.listener.state import LOCK, PRIVATE

# Errors that trying again does not cure. All others may pass, for instance a disk that is full or read-only.
_PERMANENT = frozenset({errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL, errno.ENOTDIR, errno.EISDIR, errno.EEXIST})


class OutputTree:
    """A Sink. Files are written below PRIVATE and renamed, so that each appears whole.

    Everything happens below descriptors of our own folders. Others may write to the output as well, so whatever they
    move there or replace by a link, nothing is written, read or removed elsewhere.
    """

    remote = False

    def __init__(self, root: Path, *, links: bool = False) -> None:
        """links: links to folders below root are followed, else they are an error.

        Raises FleetError when root cannot be written, and when another listener writes there.
        """
        self.root = root
        self._links = links
        with contextlib.ExitStack() as opening:
            try:
                root.mkdir(parents=True, exist_ok=True)
                self._root = _kept(opening, os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC))
                private = opening.enter_context(own_folder(root / PRIVATE))
                close_to_others(private, FOLDER)
            except OSError as error:
                raise FleetError(f"The output folder {root} cannot be written: {error.strerror}.") from None
            self._scratch = _kept(opening, folder_in(private, "tmp", root / PRIVATE / "tmp"))
            lock = claim_in(private, root / PRIVATE / LOCK, f"writing to {root}", "choose another --output")
            opening.callback(lock.close)
            sweep_folder(self._scratch)
            self._open = opening.pop_all()

    def close(self) -> None:
        self._open.close()

    def check(self, folders: Iterable[str]) -> None:
        for folder in folders:
            try:
                with opened_below(self._root, folder, links=self._links):
                    pass
            except LinkError as error:
                raise FleetError(self._about(error)) from None
            except OSError:
                continue  # it is made when it is needed, or the first image says what is wrong

    def place(self, source: str, output: OutputFile) -> Path:
        """The path of one output of the image with the path source."""
        return self.root / output_path(output.name, source, output.format)

    def write(self, source: str, outputs: Sequence[OutputFile], blobs: Sequence[Blob]) -> None:
        for output, blob in zip(outputs, blobs, strict=True):
            self._write(output_path(output.name, source, output.format), blob)

    def copy(self, original: str, source: str, outputs: Sequence[OutputFile]) -> bool:
        with contextlib.ExitStack() as closing:
            blobs = []
            for output in outputs:
                try:
                    blob = closing.enter_context(self._read(output_path(output.name, original, output.format)))
                except OSError:
                    return False
                if len(blob) != output.size:
                    return False
                blobs.append(blob)
            self.write(source, outputs, blobs)
            return True

    def write_failed(self, source: str, reason: str, image: Blob | None) -> None:
        copy, text = failed_places(source)
        if image is not None:
            self._write(copy, image, like=os.fstat(image.fileno()) if isinstance(image, FileBlob) else None)
        self._write(text, failed_text(reason))

    def clear_failed(self, source: str) -> None:
        for path in failed_places(source):
            with self._in_words(), contextlib.suppress(FileNotFoundError), self._folder(path) as (folder, name):
                os.unlink(name, dir_fd=folder)

    def _write(self, path: str, blob: Blob, *, like: os.stat_result | None = None) -> None:
        with self._in_words(), self._folder(path, make=True) as (folder, name):
            write_into(folder, name, blob, self._scratch, like=like)

    def _read(self, path: str) -> FileBlob:
        """Raises OSError."""
        with self._folder(path) as (folder, name):
            return FileBlob(open_file(name, folder=folder, links=self._links))

    @contextlib.contextmanager
    def _folder(self, path: str, *, make: bool = False) -> Iterator[tuple[int, str]]:
        """The folder of a path below the root, and the name of the path in it. Raises OSError."""
        folder, _, name = path.rpartition("/")
        with opened_below(self._root, folder, links=self._links, make=make) as descriptor:
            yield descriptor, name

    @contextlib.contextmanager
    def _in_words(self) -> Iterator[None]:
        """Turns OSError into TransferError."""
        try:
            yield
        except LinkError as error:
            alone = "/" in error.name  # else all images have an output there, and wait for it
            raise TransferError(self._about(error), transient=True, alone=alone) from None
        except OSError as error:
            reason = f"The outputs cannot be written: {error.strerror}."
            raise TransferError(reason, transient=error.errno not in _PERMANENT) from None

    def _about(self, error: LinkError) -> str:
        link = printable(str(self.root / error.name))
        return f"The folder {link} is a link, which is followed only with --follow-links."


def _kept(closing: contextlib.ExitStack, descriptor: int) -> int:
    closing.callback(os.close, descriptor)
    return descriptor
