"""A folder of this machine as a sink: results become files below it."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from filterfleet.common.blob import Blob, FileBlob
from filterfleet.common.errors import FleetError
from filterfleet.common.files import sweep_folder
from filterfleet.common.jobs.names import place_of
from filterfleet.common.opening import LinkError, open_file, opened_below
from filterfleet.common.ours import folder_in, own_folder
from filterfleet.common.private import FOLDER, close_to_others
from filterfleet.common.text import printable
from filterfleet.common.wire import OutputFile
from filterfleet.listener.claim import claim_in
from filterfleet.listener.failed import failed_places, failed_text
from filterfleet.listener.interfaces import TransferError
from filterfleet.listener.local.journal import Journal
from filterfleet.listener.local.publishing import Publisher, discard
from filterfleet.listener.local.stages import SCRATCH, Staged, Stages
from filterfleet.listener.state import LOCK, PRIVATE

# Errors that trying again does not cure. All others may pass, for instance a disk that is full or read-only.
_PERMANENT = frozenset({errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL, errno.ENOTDIR, errno.EISDIR, errno.EEXIST})


class _File(NamedTuple):
    """A file to be. path: below the output's root. like: as in common.files.write_new()."""

    path: str
    content: Blob
    like: os.stat_result | None = None


class OutputTree:
    """A Sink. Files are written below PRIVATE and renamed, so that each appears whole (listener.local.publishing).

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
        self._publishing = threading.Lock()
        self._staged: dict[str, list[Staged]] = {}  # by source path, those that wait to be published
        with contextlib.ExitStack() as opening:
            try:
                root.mkdir(parents=True, exist_ok=True)
                self._root = _kept(opening, os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC))
                longest = os.pathconf(root, "PC_NAME_MAX")
                self.longest_name = longest if longest > 0 else None  # some file systems do not tell
                private = opening.enter_context(own_folder(root / PRIVATE))
                close_to_others(private, FOLDER)
            except FileExistsError:
                raise FleetError(f"The output {root} is not a folder.") from None
            except OSError as error:
                raise FleetError(f"The output folder {root} cannot be written: {error.strerror}.") from None
            scratch = _kept(opening, folder_in(private, SCRATCH, root / PRIVATE / SCRATCH))
            lock = claim_in(private, root / PRIVATE / LOCK, f"writing to {root}", "choose another --output")
            opening.callback(lock.close)
            journal = opening.enter_context(contextlib.closing(Journal(private, root / PRIVATE)))
            journal.recover(self._root, links=links)
            sweep_folder(scratch)
            self._stages = opening.enter_context(contextlib.closing(Stages(self._root, root, scratch, links=links)))
            self._publisher = Publisher(self._root, self._stages.own, journal, links=links)
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
        return self.root / place_of(output, source)

    def write(self, source: str, outputs: Sequence[OutputFile], blobs: Sequence[Blob]) -> None:
        places = [place_of(output, source) for output in outputs]
        self._staged[source] = self._staged_set([_File(*pair) for pair in zip(places, blobs, strict=True)])

    def put(self, source: str, outputs: Sequence[OutputFile], blobs: Sequence[Blob]) -> None:
        """write() and publish() one source path. Raises TransferError."""
        self.write(source, outputs, blobs)
        for error in self.publish([source]).values():
            raise error

    def copy(self, original: str, source: str, outputs: Sequence[OutputFile]) -> bool:
        with contextlib.ExitStack() as closing:
            blobs = []
            for output in outputs:
                try:
                    blob = closing.enter_context(self._read(place_of(output, original)))
                except OSError:
                    return False
                if len(blob) != output.size:
                    return False
                blobs.append(blob)
            self.write(source, outputs, blobs)
            return True

    def publish(self, sources: Sequence[str]) -> dict[str, TransferError]:
        return self._publish({source: self._staged.pop(source) for source in sources})

    def write_failed(self, source: str, reason: str, image: Blob | None) -> None:
        copy, text = failed_places(source)
        files = [_File(text, failed_text(reason))]
        if image is not None:
            like = os.fstat(image.fileno()) if isinstance(image, FileBlob) else None
            files.insert(0, _File(copy, image, like))
        for error in self._publish({source: self._staged_set(files)}).values():
            raise error

    def clear_failed(self, source: str) -> None:
        for path in failed_places(source):
            with self._in_words(path), contextlib.suppress(FileNotFoundError), self._folder(path) as (folder, name):
                os.unlink(name, dir_fd=folder)

    def _staged_set(self, files: Sequence[_File]) -> list[Staged]:
        """Write files of one set. Raises TransferError, and leaves none of them then."""
        staged: list[Staged] = []
        for file in files:
            try:
                with self._in_words(file.path):
                    stage = self._stages.of(file.path.rpartition("/")[0])
                    staged.append(Staged(stage, stage.write(file.content, file.like), file.path))
            except BaseException:
                discard(staged)
                raise
        return staged

    def _publish(self, sets: Mapping[str, Sequence[Staged]]) -> dict[str, TransferError]:
        with self._publishing:
            failed = self._publisher.publish(sets)
        if any(error.cause.errno == errno.EXDEV for error in failed.values()):
            self._stages.forget()
        return {source: self._error(error.cause, error.target) for source, error in failed.items()}

    def _read(self, path: str) -> FileBlob:
        """Raises OSError."""
        with self._folder(path) as (folder, name):
            return FileBlob(open_file(name, folder=folder, links=self._links))

    @contextlib.contextmanager
    def _folder(self, path: str) -> Iterator[tuple[int, str]]:
        """The folder of a path below the root, and the name of the path in it. Raises OSError."""
        folder, _, name = path.rpartition("/")
        with opened_below(self._root, folder, links=self._links) as descriptor:
            yield descriptor, name

    @contextlib.contextmanager
    def _in_words(self, path: str) -> Iterator[None]:
        """Turns OSError about a path below the root into TransferError."""
        try:
            yield
        except OSError as error:
            raise self._error(error, path) from None

    def _error(self, error: OSError, path: str) -> TransferError:
        if isinstance(error, LinkError):
            alone = "/" in error.name  # else all images have an output there, and wait for it
            return TransferError(self._about(error), transient=True, alone=alone)
        if path and (obstacle := self._obstacle(path)):
            return TransferError(f"The outputs cannot be written: {obstacle}.", transient=False)
        reason = f"The outputs cannot be written: {error.strerror}."
        return TransferError(reason, transient=error.errno not in _PERMANENT)

    def _obstacle(self, path: str) -> str | None:
        """What has a name that this path needs for another kind of thing."""
        parts = path.split("/")
        for depth in range(1, len(parts) + 1):
            above, name = "/".join(parts[: depth - 1]), parts[depth - 1]
            try:
                with opened_below(self._root, above, links=self._links) as folder:
                    is_folder = stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=self._links).st_mode)
            except OSError:
                return None
            shown = printable(str(self.root / above / name))
            if depth < len(parts) and not is_folder:
                return f"{shown} is a file, but a folder has to have this name"
            if depth == len(parts) and is_folder:
                return f"{shown} is a folder, but a file has to have this name"
        return None

    def _about(self, error: LinkError) -> str:
        link = printable(str(self.root / error.name))
        return f"The folder {link} is a link, which is followed only with --follow-links."


def _kept(closing: contextlib.ExitStack, descriptor: int) -> int:
    closing.callback(os.close, descriptor)
    return descriptor
