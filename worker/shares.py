"""An image that a task names instead of carrying it: read from a share, its outputs left in a share.

When anything is not exactly as the task says, or cannot be read, the image comes by value after all, which means in
messages; outputs that cannot be written go by value. So a share can make work quicker, and never makes it fail.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from filterfleet.common.blob import STEP, Blob, FileBlob, parts, sha256_of
from filterfleet.common.errors import ProtocolError
from filterfleet.common.jobs.ids import short_id
from filterfleet.common.opening import open_file, opened, opened_below
from filterfleet.common.private import FILE
from filterfleet.common.shares.names import Share
from filterfleet.common.shares.reference import Reference, file_name, is_sealed, leave, path_of, read
from filterfleet.common.shares.room import kernel, room_of, secret_of
from filterfleet.common.wire import Failed
from filterfleet.common.wire.messages import INLINE_LIMIT
from filterfleet.worker.attempt import attempt
from filterfleet.worker.closing import closed_on_error
from filterfleet.worker.done import Done, close_files
from filterfleet.worker.resources import Resources


@dataclass(frozen=True, slots=True)
class ByValue:
    """The image cannot be had from the share. reason is a sentence for the log; job is the short id of its job, where
    the reference can be read."""

    reason: str
    job: str = ""


class Shares:
    """The shares that this process can reach. Any thread may call any method."""

    def __init__(self, shares: Iterable[Share], kernel_here: str | None = None) -> None:
        """kernel_here: the boot id of this machine, for a process that cannot look at it any more."""
        self._shares: Mapping[str, Share] = {share.name: share for share in shares}
        self._secrets: dict[str, bytes] = {}
        self._kernel = kernel() if kernel_here is None else kernel_here

    def __bool__(self) -> bool:
        return bool(self._shares)

    def attempt(
        self,
        id: bytes,  # noqa: A002 - as in the messages
        recipe: bytes,
        reference: bytes,
        resources: Resources,
    ) -> Done | Failed | ByValue:
        """The outcome of an image that this sealed reference names. Outputs that were left in the share are not
        in Done.blobs any more. Raises nothing."""
        job = ""
        try:
            where, secret = self._admit(reference)
            job = short_id(where.content)
            image = self._image(where)
        except ProtocolError as error:
            return ByValue(str(error), job)
        except OSError as error:
            return ByValue(f"The image cannot be read from the share: {error.strerror or error}.", job)
        except MemoryError:
            return ByValue("The worker has too little memory to read the image from the share.", job)
        try:
            outcome = attempt(id, recipe, image, resources)
        finally:
            close_files([image])
        return outcome if isinstance(outcome, Failed) else self._leave(outcome, where, reference, secret)

    def _admit(self, data: bytes) -> tuple[Reference, bytes]:
        """A reference that comes from somebody who sees the same share, and the secret of that.

        Raises ProtocolError and OSError.
        """
        reference = read(data)
        share = self._share(reference.exchange)
        secret = self._secrets.get(share.name)
        if secret is None or not is_sealed(data, secret):
            secret = self._secrets[share.name] = secret_of(share)  # it may be another one by now
            if not is_sealed(data, secret):
                raise ProtocolError(f"The task does not come from somebody who sees the share {share.name}.")
        return reference, secret

    def _share(self, name: str) -> Share:
        if (share := self._shares.get(name)) is None:
            raise ProtocolError("This worker does not have the share of the task.")
        return share

    def _image(self, reference: Reference) -> Blob:
        """The very bytes that the listener has seen. Raises ProtocolError and OSError."""
        folder, _, name = path_of(reference).rpartition("/")
        root = self._share(reference.share).folder
        with opened(root) as top, opened_below(top, folder) as below:
            source = FileBlob(open_file(name, folder=below, links=False))
        with contextlib.closing(source):
            _check(source, reference)
            image = _copy(source, reference)
            try:
                _check(source, reference)  # before and after: for the sake of the sentence, since the hash tells all
                _check_content(image, reference)
            except BaseException:
                close_files([image])
                raise
        return image

    def _leave(self, done: Done, reference: Reference, data: bytes, secret: bytes) -> Done:
        """The same with its outputs in the share, if they can be written there."""
        stem = secrets.token_bytes(16)
        sizes = [output.size for output in done.outputs]
        durable = reference.kernel != self._kernel or not self._kernel
        try:
            with room_of(self._share(reference.exchange), reference.folder) as folder:
                for number, blob in enumerate(done.blobs):
                    _write(folder, file_name(stem, number), blob, durable=durable)
        except OSError:
            return done  # the listener sweeps what has been written
        done.close()
        return Done(done.outputs, (), done.report, leave(stem, sizes, data, secret))


def _check(source: FileBlob, reference: Reference) -> None:
    found = os.fstat(source.fileno())
    if (found.st_size, found.st_mtime_ns, found.st_ino) != (reference.size, reference.mtime_ns, reference.inode):
        raise ProtocolError("The image in the share is another version than the task says.")


def _check_content(image: Blob, reference: Reference) -> None:
    if sha256_of(image) != reference.content:
        raise ProtocolError("The image in the share has another content than the task says.")


def _copy(source: FileBlob, reference: Reference) -> Blob:
    """The image where nobody changes it any more: in memory, or in a file of our own. Raises OSError."""
    if reference.size <= INLINE_LIMIT:
        return source.read(0, reference.size)
    with closed_on_error(FileBlob()) as copy:
        for offset in range(0, reference.size, STEP):
            if not (part := source.read(offset, min(STEP, reference.size - offset))):
                raise OSError(errno.EIO, "it became shorter while it was being read")
            copy.append(part)
    return copy


def _write(folder: int, name: str, blob: Blob, *, durable: bool) -> None:
    """durable: the listener is on another machine, and cannot make it durable. Raises OSError."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(name, flags, FILE, dir_fd=folder)
    try:
        for part in parts(blob):
            view = memoryview(part)
            while view:
                view = view[os.write(descriptor, view) :]
        if durable:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
