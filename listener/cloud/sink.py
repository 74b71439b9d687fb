"""A folder in a cloud as a sink: results pass through the spool, are uploaded, and looked at when they are there."""

from __future__ import annotations

import contextlib
import functools
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath

from filterfleet.common.blob import Blob, parts
from filterfleet.common.jobs.names import output_path
from filterfleet.common.wire import OutputFile
from filterfleet.listener.claim import claim
from filterfleet.listener.cloud.folders import RemoteFolders
from filterfleet.listener.cloud.rclone.errors import shown
from filterfleet.listener.cloud.rclone.facts import RUTHLESS
from filterfleet.listener.cloud.rclone.remote_files import Entry, Rclone
from filterfleet.listener.cloud.spool import SpoolFolder
from filterfleet.listener.cloud.staging import Staging
from filterfleet.listener.failed import failed_places, failed_text
from filterfleet.listener.interfaces import ChangedError, TransferError
from filterfleet.listener.settings.location import Remote

_COMPARED = ("md5", "sha1", "sha256")  # of the stores' hashes, those that we can make as well
_ATTEMPTS = 2  # the second with folders made anew


class CloudSink:
    """A Sink. Its callers see to it that no two write to one place: no two source paths share one."""

    remote = True

    def __init__(self, rclone: Rclone, root: Remote, spool: Path, lock: Path) -> None:
        """lock: a file that stands for this output on this machine. Raises FleetError; does not mind a remote that is
        away."""
        self._rclone = rclone
        self._root = str(root)
        self._lock = claim(lock, f"writing to {self._root}", "choose another --output")
        with contextlib.ExitStack() as undo:
            undo.callback(self._lock.close)
            self._spool = SpoolFolder(spool)
            undo.pop_all()
        self._folders = RemoteFolders(rclone, self._root)
        self._staging = Staging(rclone, self._root, self._folders)
        with contextlib.suppress(TransferError):  # then it is swept before the first upload
            if self._staged:
                self._staging.sweep()

    def close(self) -> None:
        self._lock.close()

    def write(self, source: str, outputs: Sequence[OutputFile], blobs: Sequence[Blob]) -> None:
        for output, blob in zip(outputs, blobs, strict=True):
            self._upload(output_path(output.name, source, output.format), blob)

    def copy(self, original: str, source: str, outputs: Sequence[OutputFile]) -> bool:
        originals = []
        for output in outputs:
            entry = self._rclone.stat(self._root, output_path(output.name, original, output.format))
            if entry is None or entry.size != output.size:
                return False
            originals.append(entry)
        try:
            for output, entry in zip(outputs, originals, strict=True):
                put = functools.partial(self._rclone.copy, self._root, entry.path, self._root)
                self._put(output_path(output.name, source, output.format), put, functools.partial(_is_like, entry))
        except ChangedError:  # it is gone since
            return False
        return True

    def write_failed(self, source: str, reason: str, image: Blob | None) -> None:
        copy, text = failed_places(source)
        if image is not None:
            self._upload(copy, image)
        self._upload(text, failed_text(reason))

    def clear_failed(self, source: str) -> None:
        for place in failed_places(source):
            self._rclone.delete(self._root, place)

    @property
    def _staged(self) -> bool:
        """Whether half an upload could be seen, and there is something to be done about it."""
        facts = self._rclone.facts(self._root)
        return facts.can_move and not facts.atomic

    def _upload(self, place: str, blob: Blob) -> None:
        with self._spool.holding(blob) as file:
            put = functools.partial(self._rclone.upload, file, self._root)
            self._put(place, put, functools.partial(_is_content, blob))

    def _put(self, place: str, put: Callable[[str], None], is_right: Callable[[Entry], bool]) -> None:
        """Have put(path) bring something to its place, and see that it is there. Raises ChangedError when put does."""
        try:
            for _ in range(_ATTEMPTS):
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
                self._check_way(place)
            raise
        raise TransferError(
            f"{shown(self._root, place)} was uploaded, and is not there as it was sent.", transient=True
        )

    def _check_place(self, place: str) -> None:
        """Raises TransferError where a folder, with all that is in it, would have to give way."""
        if self._rclone.facts(self._root).kind in RUTHLESS and self._rclone.is_folder(self._root, place):
            reason = f"{shown(self._root, place)} cannot be written: a folder has this name."
            raise TransferError(reason, transient=False)

    def _check_way(self, place: str) -> None:
        """No waiting helps where a folder is wanted and a file has its name. Raises TransferError."""
        facts = self._rclone.facts(self._root)
        if not facts.folders or facts.duplicates:  # a file and a folder may have one name
            return
        for folder in map(str, PurePosixPath(place).parents[:-1]):
            if self._is_file(folder):
                reason = f"{shown(self._root, place)} cannot be written: {shown(self._root, folder)} is a file."
                raise TransferError(reason, transient=False)

    def _is_file(self, place: str) -> bool:
        """False also when nobody knows."""
        try:
            return self._rclone.stat(self._root, place) is not None
        except TransferError:
            return False


def _is_content(blob: Blob, entry: Entry) -> bool:
    """Whether what is in the store is this, as far as it tells."""
    kind, _, told = entry.hash.partition(":")
    if entry.size != len(blob):
        return False
    if kind not in _COMPARED:
        return True
    digest = hashlib.new(kind, usedforsecurity=False)
    for part in parts(blob):
        digest.update(part)
    return digest.hexdigest() == told


def _is_like(original: Entry, entry: Entry) -> bool:
    return entry.size == original.size and (not entry.hash or not original.hash or entry.hash == original.hash)
