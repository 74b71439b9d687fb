"""The listener's end of its shares: it tells workers where images are, and collects the outputs that they leave."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import secrets
import stat
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from msgspec.structs import replace

from filterfleet.common.errors import FleetError, ProtocolError
from filterfleet.common.files import ORDINARY, sweep_folder
from filterfleet.common.jobs.engine import Engine, ReadImage
from filterfleet.common.jobs.ids import short_id
from filterfleet.common.jobs.job import Job
from filterfleet.common.left import LeftFile
from filterfleet.common.logs import get_logger
from filterfleet.common.ours import folder_in, own_room
from filterfleet.common.payload import Blob
from filterfleet.common.ratelimit import RateLimit
from filterfleet.common.shares.names import Share, parse_shares, share_of
from filterfleet.common.shares.reference import REFERENCE_LIMIT, Reference, file_name, seal, stem_of
from filterfleet.common.shares.room import ROOM, kernel, make_room, make_secret, room_of
from filterfleet.common.wire import Failed, Result
from filterfleet.listener.local.source import OneVersion
from filterfleet.listener.settings.location import Location
from filterfleet.listener.state import PRIVATE

BY_VALUE = b"v"  # behind the id of a job that is done again
EXCHANGE = "exchange"  # below PRIVATE in an output: the folder of its share, when the user names none

AGE = 3600.0  # seconds after which nobody will ask for an output that a worker has left
SWEEP = 600.0  # seconds between two looks for such outputs
QUIET = 60.0  # seconds between two lines about outputs that cannot be collected

log = get_logger("listener")


@dataclass(frozen=True, slots=True)
class Place:
    """Where images and outputs are: the images below a path of one share, the outputs in a folder of another one."""

    share: str
    path: str
    exchange: Share
    folder: str


class Exchange:
    """For a source and an output that this process owns. Any thread may call any method."""

    def __init__(self, place: Place) -> None:
        """Removes what an earlier listener has not collected. Raises FleetError."""
        self._place = place
        self._kernel = kernel()
        make_room(place.exchange)
        shown = Path(place.exchange.folder, *ROOM)
        try:
            self._secret = make_secret(place.exchange)
            with room_of(place.exchange) as room:
                self._folder = folder_in(room, place.folder, shown / place.folder)
        except OSError as error:
            raise FleetError(f"The share {place.exchange.name} cannot be used: {error.strerror}.") from None
        sweep_folder(self._folder)
        self._mode = stat.S_IMODE(_probe(self._folder).st_mode)
        self._swept = time.monotonic()

    def close(self) -> None:
        """Removes what has not been collected."""
        with contextlib.suppress(OSError):
            sweep_folder(self._folder)
        os.close(self._folder)

    def refer(self, image: Blob, content: bytes) -> bytes:
        """A sealed reference to an image with this SHA-256; empty when it has to travel."""
        if not isinstance(image, OneVersion) or len(image) == 0:
            return b""
        found = os.fstat(image.fileno())
        path = f"{self._place.path}/{image.path}".lstrip("/").encode("utf-8", "surrogateescape")
        exchange, folder = self._place.exchange.name, self._place.folder
        reference = Reference(
            self._place.share,
            path,
            found.st_size,
            found.st_mtime_ns,
            found.st_ino,
            content,
            exchange,
            folder,
            self._kernel,
        )
        sealed = seal(reference, self._secret)
        return sealed if len(sealed) <= REFERENCE_LIMIT else b""

    def collect(self, reference: bytes, result: Result) -> tuple[Blob, ...]:
        """The outputs that a worker has left. Raises ProtocolError and OSError when they are not there, or not those of
        the task with this reference."""
        sizes = [output.size for output in result.outputs]
        stem = stem_of(result.left, sizes, reference, self._secret)
        with contextlib.ExitStack() as failing:
            files = []
            for number, size in enumerate(sizes):
                files.append(LeftFile(self._folder, file_name(stem, number), self._mode))
                failing.callback(files[-1].close)
                if len(files[-1]) != size:
                    raise ProtocolError("An output in the share has another size than the worker says.")
            failing.pop_all()
        return tuple(files)

    def look(self) -> None:
        """Now and then, remove outputs that nobody has collected: their leases have ended meanwhile."""
        now = time.monotonic()
        if now - self._swept >= SWEEP:
            self._swept = now
            self.sweep(AGE)

    def sweep(self, age: float) -> None:
        """Remove what is older than this many seconds, by the clock of the file system."""
        with contextlib.suppress(OSError):
            oldest = _probe(self._folder).st_mtime - age
            with os.scandir(self._folder) as entries:
                for entry in entries:
                    with contextlib.suppress(OSError):
                        if entry.stat(follow_symlinks=False).st_mtime < oldest:
                            os.unlink(entry.name, dir_fd=self._folder)


class Sharing:
    """An engine whose workers may see the shares. Outputs that cannot be collected are made again, by value."""

    inline_limit = 0  # an image is read in parts, if at all

    def __init__(self, engine: Engine, exchange: Exchange) -> None:
        self.name = engine.name
        self._engine = engine
        self._exchange = exchange
        self._by_value: dict[bytes, bytes] = {}  # the ids of jobs that are done again, by the jobs' own
        self._lines = RateLimit(1, QUIET)

    @property
    def window(self) -> int:
        return self._engine.window

    def submit(self, job: Job, read: ReadImage | None = None) -> Future[Result | Failed]:
        future: Future[Result | Failed] = Future()
        self._begin(job, job, read, future)
        return future

    def acknowledge(self, job: bytes) -> None:
        self._engine.acknowledge(self._by_value.pop(job, job))

    def close(self) -> None:
        self._engine.close()

    def _begin(self, job: Job, sent: Job, read: ReadImage | None, future: Future[Result | Failed]) -> None:
        try:
            begun = self._engine.submit(sent, read)
        except FleetError as error:  # it has been closed
            future.set_exception(error)
        else:
            begun.add_done_callback(partial(self._ended, job, read, future))

    def _ended(
        self, job: Job, read: ReadImage | None, future: Future[Result | Failed], ended: Future[Result | Failed]
    ) -> None:
        if ended.cancelled() or ended.exception() is not None:
            self._by_value.pop(job.id, None)  # nothing is left of it that could be acknowledged
        if ended.cancelled():
            future.cancel()
        elif (error := ended.exception()) is not None:
            future.set_exception(error)
        elif isinstance(outcome := ended.result(), Result) and outcome.left:
            self._collect(job, read, future, outcome)
        else:
            future.set_result(replace(outcome, id=job.id))

    def _collect(self, job: Job, read: ReadImage | None, future: Future[Result | Failed], result: Result) -> None:
        try:
            files = self._exchange.collect(job.reference, result)
        except (ProtocolError, OSError) as error:
            if total := self._lines.admit("not collected", time.monotonic()):
                job_id = short_id(job.id)
                log.warning("outputs cannot be taken from the share", job=job_id, reason=str(error), total=total)
            self._engine.acknowledge(result.id)
            # Another job for those between, so that nothing that is still on its way for the first one ends it.
            again = self._by_value[job.id] = job.id + BY_VALUE
            self._begin(job, replace(job, id=again, reference=b""), read, future)
        else:
            future.set_result(Result(job.id, result.outputs, result.report, files, tries=result.tries))


def shares_between(source: Location, output: Location) -> list[str]:
    """Shares for processes that see both folders, as --share takes them; none unless both are local.

    make_shares() makes the folder that the second one needs.
    """
    if not isinstance(source, Path) or not isinstance(output, Path):
        return []
    return [str(Share("source", str(source), read_only=True)), str(Share("output", str(output / PRIVATE / EXCHANGE)))]


def make_shares(source: Location, output: Location) -> list[str]:
    """shares_between(), ready for use. Raises FleetError."""
    if isinstance(source, Path) and isinstance(output, Path):
        own_room(output / PRIVATE, EXCHANGE)
    return shares_between(source, output)


@contextlib.contextmanager
def open_exchange(texts: Iterable[str], source: Location, output: Location) -> Iterator[Exchange | None]:
    """The exchange for these shares, as --share names them; None without any, and when they cannot serve this source
    and this output, which is then logged. The output is ours already. Raises FleetError."""
    shares = parse_shares(texts)
    place = _place(shares.values(), source, output)
    if place is None:
        if shares:
            reason = "the source has to lie in one, and the output on the file system of one that can be written"
            log.warning("no share is used", reason=reason)
        yield None
        return
    with contextlib.closing(Exchange(place)) as exchange:
        log.info("images by reference", source=place.share, outputs=place.exchange.name)
        yield exchange


def _place(shares: Iterable[Share], source: Location, output: Location) -> Place | None:
    if not isinstance(source, Path) or not isinstance(output, Path):
        return None
    real = [dataclasses.replace(share, folder=os.path.realpath(share.folder)) for share in shares]
    found = share_of(real, str(source))
    writable = [share for share in real if not share.read_only]
    inside = share_of(writable, str(output))
    beside = [share for share in writable if _device(share.folder) == _device(str(output))]
    if found is None or not (inside or beside):
        return None
    exchange, path = inside or (beside[0], str(output))
    return Place(found[0].name, found[1], exchange, hashlib.sha256(os.fsencode(path)).hexdigest()[:16])


def _device(folder: str) -> int | None:
    """None for a folder that is not there."""
    try:
        return Path(folder).stat().st_dev
    except OSError:
        return None


def _probe(folder: int) -> os.stat_result:
    """What a new file in this folder is like. Raises OSError."""
    name = secrets.token_hex(8)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(name, flags, ORDINARY, dir_fd=folder)
    try:
        return os.fstat(descriptor)
    finally:
        os.close(descriptor)
        os.unlink(name, dir_fd=folder)
