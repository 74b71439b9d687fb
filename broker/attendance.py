"""Says and counts which workers come, go, stay away and come back."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice

from filterfleet.broker.actions import Side
from filterfleet.broker.departures import Departures, How
from filterfleet.broker.outbox import Outbox
from filterfleet.broker.state import Worker
from filterfleet.common.jobs.ids import short_id

NAMED_JOBS = 8  # of a worker that is gone, in the log

# The name of a peer's key, if there are keys, and its address.
Whereabouts = Callable[[Side, bytes], tuple[str, str]]


class Attendance:
    def __init__(self, outbox: Outbox, departures: Departures, whereabouts: Whereabouts) -> None:
        self._outbox = outbox
        self._departures = departures
        self._whereabouts = whereabouts

    def registered(self, worker: Worker) -> None:
        worker.name, worker.address = self._whereabouts(Side.BACKEND, worker.peer)
        self._outbox.note("worker_registered", **worker.said, basic=worker.basic)

    def admitted(self, worker: Worker, now: float) -> None:
        """It has said for the first time what it can do."""
        away = self._departures.came(worker, now)
        back = {} if away is None else {"away": round(away, 1)}
        self._outbox.note("worker_admitted", **worker.said, threads=worker.threads, version=worker.version, **back)

    def went(self, worker: Worker, how: How, now: float) -> None:
        """It is gone, and still has its leases. It has left as announced if it had nothing to do any more."""
        if worker.draining and not worker.leases:
            how = How.FAREWELL
            self._outbox.note("worker_left", **worker.said)
            self._outbox.counters["workers_left"] += 1
        else:
            jobs = [short_id(lease.task.id) for lease in islice(worker.leases.values(), NAMED_JOBS)]
            leases = len(worker.leases)
            self._outbox.warn("worker_disconnected", **worker.said, how=how.value, leases=leases, jobs=jobs)
            self._outbox.counters["workers_disconnected"] += 1
        self._departures.went(worker, how, now)

    def look(self, now: float) -> None:
        """Those that have stayed away for too long are dead."""
        for gone in self._departures.lost(now):
            self._outbox.warn("worker_lost", worker=gone.host, name=gone.name, address=gone.address)
            self._outbox.counters["workers_lost"] += 1
