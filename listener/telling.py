"""What a listener says of itself: in its log, to its supervisor, and in the file that `status` and the page read."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping

from msgspec.structs import replace

from filterfleet.common import words
from filterfleet.common.client.lack import Fleet, lack
from filterfleet.common.contacts import ContactLog, Line
from filterfleet.common.jobs.recipe import Recipe
from filterfleet.common.logs import get_logger
from filterfleet.common.process.notify import Notifier
from filterfleet.common.process.system import VERSION, host_and_pid
from filterfleet.common.waiting import WaitLog
from filterfleet.common.words import Counts
from filterfleet.listener.present import Present, PresentFile

# Seconds between two looks, and how many times longer than a look it is at least, since counting a large ledger takes
# time. More costs less; less shows a change sooner.
PAUSE, SHARE = 1.0, 50.0
MINUTE = 60.0
LEAST = 10.0  # seconds that a rate is computed over: fewer say little

log = get_logger("listener")


class Telling:
    """Of one source and output. count and is_paused read the ledger. Call look() in every turn of the loop."""

    def __init__(
        self,
        source: str,
        output: str,
        recipe: Recipe,
        fleet: Fleet,
        count: Callable[[], Counts],
        is_paused: Callable[[], bool],
        file: PresentFile,
    ) -> None:
        self._source, self._output = source, output
        self._needs = recipe.needs
        self._fleet = fleet
        self._count = count
        self._is_paused = is_paused
        self._file = file
        self._began = time.time()
        self._contacts, self._waits = ContactLog(fleet.contact._replace(connected=False)), WaitLog()
        self._next = 0.0
        self._ended: deque[tuple[float, int]] = deque()  # (instant, images that had come to their end by then)
        self._last: Present | None = None

    def look(self, troubles: Mapping[str, str], notifier: Notifier) -> None:
        """troubles: why the source or the output cannot be used now."""
        if (now := time.monotonic()) < self._next:
            return
        counts = self._count()
        # The core speaks of source and output itself.
        lacks = lack(self._fleet, self._needs, counts.pending)
        _write([*self._contacts.look(self._fleet.contact, time.time()), *self._waits.look(lacks, counts.pending, now)])
        present = self._present(counts, troubles, now)
        notifier.status(lambda: present.says)
        if self._last is None or present != _at(self._last, present.written_at):
            self._file.write(present)
            self._last = present
        ended = time.monotonic()
        self._next = ended + max(PAUSE, SHARE * (ended - now))

    def end(self) -> None:
        """The listener ends: the file says how far it has come."""
        if self._last is not None:
            self._file.write(self._present(self._count(), {}, time.monotonic()))

    def _present(self, counts: Counts, troubles: Mapping[str, str], now: float) -> Present:
        contact, paused = self._fleet.contact, self._is_paused()
        waits = [words.of_place(place, reason) for place, reason in troubles.items()]
        waits += self._waits.lasting
        return Present(
            source=self._source,
            output=self._output,
            listener=host_and_pid(),
            version=VERSION,
            began_at=self._began,
            written_at=time.time(),
            contact=contact,
            counts=counts,
            per_minute=self._rate(counts.done + counts.failed, now),
            threads=self._fleet.catalogue.threads if contact.connected else 0,
            waits=tuple(waits),
            paused=paused,
            says=words.of_listener(contact, counts, waits, paused=paused),
        )

    def _rate(self, ended: int, now: float) -> float:
        """Images that came to their end in the last minute, or since the start if that is later, per minute."""
        self._ended.append((now, ended))
        while len(self._ended) > 1 and self._ended[1][0] <= now - MINUTE:
            self._ended.popleft()
        since, before = self._ended[0]
        return round(max(0, ended - before) * MINUTE / max(now - since, LEAST), 1)


def _at(present: Present, instant: float) -> Present:
    """The same, written at another instant."""
    return replace(present, written_at=instant)


def _write(lines: list[Line]) -> None:
    for line in lines:
        log.at(line.level, line.event, line.fields)
