"""What the broker says of itself once a second: its status for the supervisor, and what waits in vain for the log."""

from __future__ import annotations

import time

from filterfleet.broker.core import BrokerCore
from filterfleet.broker.lacking import lacking
from filterfleet.common.logs import get_logger
from filterfleet.common.process.notify import Notifier
from filterfleet.common.waiting import WaitLog
from filterfleet.common.words import Counts, of_broker

# Seconds between two looks. More costs less; less shows a change sooner.
PAUSE = 1.0

log = get_logger("broker")


class Telling:
    def __init__(self, core: BrokerCore, notifier: Notifier) -> None:
        self._core = core
        self._notifier = notifier
        self._waits = WaitLog()
        self._next = 0.0

    def look(self) -> None:
        """Call this in every turn of the loop."""
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + PAUSE
        core = self._core
        for line in self._waits.look(lacking(core.scheduler), core.scheduler.waiting, now):
            log.at(line.level, line.event, line.fields)
        self._notifier.status(self._words)

    def _words(self) -> str:
        core = self._core
        workers, counters = core.scheduler.workers.values(), core.reporter.counters
        counts = Counts(core.scheduler.waiting, counters["results"], counters["dead_lettered"])
        threads = sum(worker.threads for worker in workers)
        running, waits = len(core.scheduler.leases), lacking(core.scheduler)
        versions = core.other_versions(time.monotonic())
        return of_broker(len(workers), threads, len(core.books.clients), counts, running, waits, versions)
