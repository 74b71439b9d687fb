"""A folder of a remote as a sink: results pass through the spool, are uploaded, and are looked at afterwards."""

from __future__ import annotations

import contextlib
import functools
import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath

from filterfleet.common.blob import Blob, pass_to
from filterfleet.common.jobs.names import place_of
from filterfleet.common.wire import OutputFile
from filterfleet.listener.claim import claim
from filterfleet.listener.cloud.capitals import Capitals
from filterfleet.listener.cloud.folders import RemoteFolders
from filterfleet.listener.cloud.rclone.errors import shown
from filterfleet.listener.cloud.rclone.facts import RUTHLESS
from filterfleet.listener.cloud.rclone.remote_files import Entry, Rclone
from filterfleet.listener.cloud.settings import UPLOADS
from filterfleet.listener.cloud.spool import SpoolFolder
from filterfleet.listener.cloud.staging import Staging
from filterfleet.listener.failed import failed_places, failed_text
from filterfleet.listener.interfaces import ChangedError, TransferError
from filterfleet.listener.settings.location import Remote

_COMPARED = ("md5", "sha1", "sha256")  # hashes of stores that we can compute ourselves


class CloudSink:
    """A Sink. Callers never write to one place twice at once, because no two source paths share a place."""

    remote = True
    longest_name = None  # stores differ, and say so themselves

    def __init__(self, rclone: Rclone, root: Remote, spool: Path, lock: Path) -> None:
        """spool: a folder for temporary files. lock: a file that stands for this output on this machine.

        Raises FleetError when another listener has the lock, and when a folder cannot be used. A remote that cannot be
        reached is left for later.
        """
        self._rclone = rclone
        self._root = root.fs
        self._lock = claim(lock, f"writing to {root}", "choose another --output")
        with contextlib.ExitStack() as undo:
            undo.callback(self._lock.close)
            self._spool = SpoolFolder(spool)
            undo.pop_all()
        self._folders = RemoteFolders(rclone, self._root)
        self._capitals = Capitals(rclone, self._root)
        self._staging = Staging(rclone, self._root, self._folders)
        with contextlib.suppress(TransferError):  # the first upload sweeps then
            if self._staged:
                self._staging.sweep()

    def check(self, _folders: Iterable[str]) -> None:
        """A store has no links."""

    def close(self) -> None:
        self._lock.close()

    def write(self, source: str, outputs: Sequence[OutputFile], blobs: Sequence[Blob]) -> None:
        with self._whole() as placed:
            for output, blob in zip(outputs, blobs, strict=True):
                place = place_of(output, source)
                self._upload(place, blob)
                placed.append(place)

    def copy(self, original: str, source: str, outputs: Sequence[OutputFile]) -> bool:
        originals = []
        for output in outputs:
            entry = self._rclone.stat(self._root, place_of(output, original))
            if entry is None or entry.size != output.size:
                return False
            originals.append(entry)
        try:
            with self._whole() as placed:
                for output, entry in zip(outputs, originals, strict=True):
                    put = functools.partial(self._rclone.copy, self._root, entry.path, self._root)
                    place = place_of(output, source)
                    self._put(place, put, functools.partial(_is_like, entry))
                    placed.append(place)
        except ChangedError:  # an original is gone by now
            return False
        return True

    def publish(self, _sources: Sequence[str]) -> dict[str, TransferError]:
        """What was uploaded is in its place."""
        return {}

    def write_failed(self, source: str, reason: str, image: Blob | None) -> None:
        copy, text = failed_places(source)
        if image is not None:
            self._upload(copy, image)
        self._upload(text, failed_text(reason))

    def clear_failed(self, source: str) -> None:
        for place in failed_places(source):
            self._rclone.delete(self._root, place)

    @contextlib.contextmanager
    def _whole(self) -> Iterator[list[str]]:
        """Yields a list of places, and removes what was put there when not all of a set could be."""
        placed: list[str] = []
        try:
            yield placed
        except (TransferError, ChangedError):
            for place in placed:
                with contextlib.suppress(TransferError):
                    self._rclone.delete(self._root, place)
            raise

    @property
    def _staged(self) -> bool:
        """Whether half an upload would be visible, and moving it into place is possible."""
        facts = self._rclone.facts(self._root)
        return facts.can_move and not facts.atomic

    def _upload(self, place: str, blob: Blob) -> None:
        with self._spool.holding(blob) as file:
            put = functools.partial(self._rclone.upload, file, self._root)
            self._put(place, put, functools.partial(_is_content, blob))

    def _put(self, place: str, put: Callable[[str], None], is_right: Callable[[Entry], bool]) -> None:
        """Have put(path) bring a file to place, and make sure that it arrived.

        is_right: whether the file at place is the one that was sent. Raises ChangedError when put() does.
        """
        with self._capitals.kept(place):
            self._put_there(place, put, is_right)

    def _put_there(self, place: str, put: Callable[[str], None], is_right: Callable[[Entry], bool]) -> None:
        try:
            for _ in range(UPLOADS):
                self._folders.make(str(PurePosixPath(place).parent))
                if self._staged:
                    self._check_place(place)
                    self._staging.put(place, put)
                else:
                    put(place)
                entry = self._rclone.stat(self._root, place)
                if entry is not None and is_right(entry):
                    return
                self._folders.forget()
        except TransferError as error:
            self._folders.doubt()
            if error.transient:
                self._check_folders_above(place)
            raise
        raise TransferError(
            f"{shown(self._root, place)} was uploaded, but the store does not have it as it was sent.", transient=True
        )

    def _check_place(self, place: str) -> None:
        """Raises TransferError where moving a file to place would delete a folder with everything in it."""
        if self._rclone.facts(self._root).kind in RUTHLESS and self._rclone.is_folder(self._root, place):
            reason = f"{shown(self._root, place)} cannot be written: a folder has this name."
            raise TransferError(reason, transient=False)

    def _check_folders_above(self, place: str) -> None:
        """Raises TransferError if a file has the name of a folder that is needed: trying again would not help."""
        facts = self._rclone.facts(self._root)
        if not facts.folders or facts.duplicates:  # there, a file and a folder may share a name
            return
        for folder in map(str, PurePosixPath(place).parents[:-1]):
            if self._is_file(folder):
                reason = f"{shown(self._root, place)} cannot be written: {shown(self._root, folder)} is a file."
                raise TransferError(reason, transient=False)

    def _is_file(self, place: str) -> bool:
        """False, too, when the store cannot be asked."""
        try:
            return self._rclone.stat(self._root, place) is not None
        except TransferError:
            return False


def _is_content(blob: Blob, entry: Entry) -> bool:
    """Whether entry has the size of blob and, if its hash can be computed here, the hash."""
    if entry.size != len(blob):
        return False
    kind, _, told = entry.hash.partition(":")
    if kind not in _COMPARED:
        return True
    digest = hashlib.new(kind, usedforsecurity=False)
    pass_to(digest.update, blob)
    return digest.hexdigest() == told


def _is_like(original: Entry, entry: Entry) -> bool:
    """Whether entry has the size of original and, if both have a hash, the hash."""
    return entry.size == original.size and (not entry.hash or not original.hash or entry.hash == original.hash)
