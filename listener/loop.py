"""One thread that decides. Whatever another thread has to say comes as a call on one queue, urgent ones first, and what
is to be done later waits here for its time."""

from __future__ import annotations

import contextlib
import functools
import heapq
import itertools
import queue
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from filterfleet.listener.pool import Pool

Event = Callable[[], None]


class Loop:
    def __init__(self) -> None:
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._urgent: deque[Event] = deque()
        self._later: list[tuple[float, int, Event]] = []
        self._order = itertools.count()
        self._pools: list[Pool] = []
        self.stopping = False

    def pool(self, name: str, threads: int) -> Pool:
        """Threads that end with the loop."""
        pool = Pool(name, threads)
        self._pools.append(pool)
        return pool

    def post(self, event: Event, *, urgent: bool = False) -> None:
        """Have it called here; from any thread."""
        if urgent:
            self._urgent.append(event)
            event = self._do_urgent
        self._events.put(event)

    def later(self, delay: float, event: Event) -> None:
        """Have it called after so many seconds, and never in this turn."""
        heapq.heappush(self._later, (time.monotonic() + delay, next(self._order), event))

    def do(
        self, pool: Pool, work: Callable[[], Any], done: Callable[[Future[Any]], None], *, urgent: bool = False
    ) -> None:
        """Run work on a pool; done gets its future, here. What has not begun at the end never does."""

        def tell(future: Future[Any]) -> None:
            self.post(functools.partial(done, future), urgent=urgent)

        if not self.stopping:
            pool.do(work, tell, urgent=urgent)

    def turn(self, wait: float) -> None:
        """Handle what has come and what is due, after at most so many seconds of waiting for it."""
        if self._later:
            wait = min(wait, max(0.0, self._later[0][0] - time.monotonic()))
        events = []
        with contextlib.suppress(queue.Empty):
            events.append(self._events.get(timeout=wait))
        while self._later and self._later[0][0] <= time.monotonic():
            events.append(heapq.heappop(self._later)[2])
        for event in events:
            self._do_urgent()
            event()
        self._drain()

    def stop(self) -> None:
        """Begin nothing more, wait for what is under way, and handle what it says."""
        self.stopping = True
        for pool in self._pools:
            pool.shutdown()
        self._drain()

    def _drain(self) -> None:
        for _ in range(self._events.qsize()):
            self._do_urgent()
            self._events.get()()

    def _do_urgent(self) -> None:
        while self._urgent:
            self._urgent.popleft()()
