"""One thread that decides. Whatever another thread has to say comes as a call on one queue, and what is to be done
later waits here for its time."""

from __future__ import annotations

import contextlib
import functools
import heapq
import itertools
import queue
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

Event = Callable[[], None]


class Loop:
    def __init__(self) -> None:
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._later: list[tuple[float, int, Event]] = []
        self._order = itertools.count()
        self._pools: list[ThreadPoolExecutor] = []
        self.stopping = False

    def pool(self, name: str, threads: int) -> ThreadPoolExecutor:
        """Threads that end with the loop."""
        pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._pools.append(pool)
        return pool

    def post(self, event: Event) -> None:
        """Have it called here; from any thread."""
        self._events.put(event)

    def later(self, delay: float, event: Event) -> None:
        """Have it called after so many seconds, and never in this turn."""
        heapq.heappush(self._later, (time.monotonic() + delay, next(self._order), event))

    def do(self, pool: ThreadPoolExecutor, work: Callable[[], Any], done: Callable[[Future[Any]], None]) -> None:
        """Run work on a pool; done gets its future, here. What has not begun at the end never does."""

        def tell(future: Future[Any]) -> None:
            if not future.cancelled():
                self.post(functools.partial(done, future))

        if not self.stopping:
            pool.submit(work).add_done_callback(tell)

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
            event()
        self._drain()

    def stop(self) -> None:
        """Begin nothing more, wait for what is under way, and handle what it says."""
        self.stopping = True
        for pool in self._pools:
            pool.shutdown(cancel_futures=True)
        self._drain()

    def _drain(self) -> None:
        for _ in range(self._events.qsize()):
            self._events.get()()
