"""The state of the broker and its fleet, for people and monitoring."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from itertools import islice

from msgspec import Struct
from msgspec.structs import asdict

from filterfleet.broker.books import Books
from filterfleet.broker.departures import Departure, Departures
from filterfleet.broker.lacking import lacking
from filterfleet.broker.scheduler import Scheduler
from filterfleet.broker.state import Lease, LeaseState, Worker
from filterfleet.common import wire

# Running leases that a report names: the oldest ones. More shows more of a large fleet at once; less costs less, and a
# report may take no more than a mebibyte.
NAMED_LEASES = 256
JOB_ID = 8  # bytes of a job's id in a report


class WorkerReport(Struct, frozen=True, gc=False):
    """name is that of its key, if there are keys. since and heard: for how many seconds it has been here, and has been
    silent."""

    host: str
    version: str
    threads: int
    slots: int
    leases: int
    draining: bool
    name: str = ""
    address: str = ""
    since: float = 0.0
    heard: float = 0.0


class GoneReport(Struct, frozen=True, gc=False):
    """A worker that is gone. how: left, closed, silent, dismissed or lost (departures.py). ago: in seconds."""

    host: str
    version: str
    name: str
    address: str
    how: str
    ago: float


class RunningReport(Struct, frozen=True, gc=False):
    """A lease: the beginning of its job's id in hexadecimal, the number of its worker in `workers`, for how many
    seconds it has been held, and whether a thread works on it."""

    job: str
    worker: int
    seconds: float
    begun: bool


@dataclass(frozen=True, slots=True)
class Report:
    """`tasks` counts everything that the broker holds, `waiting` the tasks without a worker, `running` the leases. The
    byte counts are those of the caps with the same names (settings.py). uptime is in seconds. waits: what waiting tasks
    wait for, in words. versions: a sentence for each peer of another major version that has tried to come in within the
    last minute. gone: the workers that have gone in the last hour and not come back. leases: the oldest. clock: the
    broker's time of day, in seconds since the epoch; 0 if it tells none."""

    life: str
    tasks: int
    waiting: int
    running: int
    held_bytes: int
    result_bytes: int
    clients: int
    counters: Mapping[str, int]
    workers: tuple[WorkerReport, ...]
    uptime: float = 0.0
    waits: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()
    gone: tuple[GoneReport, ...] = ()
    leases: tuple[RunningReport, ...] = ()
    clock: float = 0.0

    @property
    def threads(self) -> int:
        return sum(worker.threads for worker in self.workers)

    def as_map(self) -> dict[str, object]:
        """As STATUS carries it: plain maps, lists, strings and numbers. The keys are part of the wire."""
        plain = {one.name: getattr(self, one.name) for one in fields(self)}
        lists = {name: [asdict(row) for row in plain[name]] for name in ("workers", "gone", "leases")}
        words = {"waits": list(self.waits), "versions": list(self.versions)}
        return plain | lists | words | {"counters": dict(self.counters)}


# Status reports that are made in a moment, and its seconds; the last of them serves everybody who asks beyond that.
# More reports, or a shorter moment, let strangers take more of the broker's time.
STATUS_REPORTS, STATUS_MOMENT = 4, 0.02


class Reporter:
    def __init__(
        self, life: bytes, books: Books, scheduler: Scheduler, counters: Counter[str], departures: Departures,
        versions: Callable[[float], list[str]], began: float, clock: Callable[[], float],
    ) -> None:  # fmt: skip
        """versions tells which peers of other versions there are. began: when the broker started. clock: the time of
        day, which is told and never used."""
        self._life = life
        self._books = books
        self._scheduler = scheduler
        self.counters = counters
        self._departures = departures
        self._versions = versions
        self._began = began
        self._clock = clock
        self._status = wire.Status({})  # the latest one
        self._status_since = -math.inf  # the beginning of the moment for which they are counted
        self._statuses = 0

    @property
    def rows(self) -> int:
        """How many workers and leases a report names, roughly."""
        return len(self._scheduler.workers) + min(NAMED_LEASES, len(self._scheduler.leases))

    def report(self, now: float) -> Report:
        workers = self._scheduler.workers
        oldest = islice(self._scheduler.leases.values(), NAMED_LEASES)  # they are in the order of their grants
        gone = tuple(_gone_report(departure, now) for departure in self._departures.recent(now))
        return self._with(now, workers.values(), gone, _running(oldest, workers, now))

    def status(self, now: float) -> wire.Status:
        """For one of many who may ask. When they ask within a moment, the last ones get the same report."""
        if not self._status_since <= now < self._status_since + STATUS_MOMENT:
            self._status_since, self._statuses = now, 0
        if self._statuses < STATUS_REPORTS:
            self._status = wire.Status(self.report(now).as_map())
            self._statuses += 1
        return self._status

    def brief(self, now: float, owner: str) -> Report:
        """What a worker may know: numbers, and the workers of its own owner."""
        own = [worker for worker in self._scheduler.workers.values() if worker.owner == owner]
        return self._with(now, own, (), ())

    def _with(
        self,
        now: float,
        workers: Iterable[Worker],
        gone: tuple[GoneReport, ...],
        leases: tuple[RunningReport, ...],
    ) -> Report:
        return Report(
            life=self._life.hex(),
            uptime=round(now - self._began, 3),
            tasks=self._books.tasks,
            waiting=self._scheduler.waiting,
            running=len(self._scheduler.leases),
            held_bytes=self._books.held_bytes,
            result_bytes=self._books.result_bytes,
            clients=len(self._books.clients),
            counters=dict(self.counters),
            waits=tuple(lacking(self._scheduler)),
            versions=tuple(self._versions(now)),
            workers=tuple(_worker_report(worker, now) for worker in workers),
            gone=gone,
            leases=leases,
            clock=round(self._clock(), 3),
        )


def _worker_report(worker: Worker, now: float) -> WorkerReport:
    host = "(basic peer)" if worker.basic else worker.host
    return WorkerReport(
        host,
        worker.version,
        worker.threads,
        worker.slots,
        len(worker.leases),
        worker.draining,
        worker.name,
        worker.address,
        round(now - worker.since, 3),
        round(max(0.0, now - worker.liveness.expires + worker.liveness.patience), 3),
    )


def _gone_report(gone: Departure, now: float) -> GoneReport:
    return GoneReport(gone.host, gone.version, gone.name, gone.address, gone.how.value, round(now - gone.at, 3))


def _running(leases: Iterable[Lease], workers: Iterable[bytes], now: float) -> tuple[RunningReport, ...]:
    numbers = {peer: number for number, peer in enumerate(workers)}
    return tuple(
        RunningReport(
            lease.task.id[:JOB_ID].hex(),
            numbers[lease.worker.peer],
            round(now - lease.began, 3),
            lease.state is LeaseState.BEGUN,
        )
        for lease in leases
    )
