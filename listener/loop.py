"""The queue between the thread that decides and the pools that work for it."""

from __future__ import annotations

import queue
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from filterfleet.listener.pool import Pool

Event = TypeVar("Event")


class Loop(Generic[Event]):
    """Events from any thread, urgent ones first, for one thread that handles them."""

    def __init__(self) -> None:
        self._events: queue.SimpleQueue[Event | BaseException | None] = queue.SimpleQueue()  # None: an urgent one
        self._urgent: deque[Event | BaseException] = deque()
        self._pools: list[Pool[Event]] = []
        self._stopping = False

    def pool(self, name: str, threads: int) -> Pool[Event]:
        """Threads that end with the loop."""
        pool: Pool[Event] = Pool(name, threads)
        self._pools.append(pool)
        return pool

    def post(self, event: Event | BaseException, *, urgent: bool = False) -> None:
        """Hand over an event, from any thread. An exception is raised where the events are handled."""
        if urgent:
            self._urgent.append(event)
            self._events.put(None)
        else:
            self._events.put(event)

    def do(self, pool: Pool[Event], work: Callable[[], Event], *, urgent: bool = False) -> None:
        """Have a pool run work, and post the event that it returns. After stop() nothing is begun."""
        if not self._stopping:
            pool.do(work, lambda event: self.post(event, urgent=urgent), urgent=urgent)

    def events(self, wait: float, gather: float = 0.0) -> Iterator[Event]:
        """The events that have come. If there are none yet, waits for one for at most `wait` seconds, and gather
        seconds longer for others to come with it."""
        try:
            item = self._events.get(timeout=wait)
        except queue.Empty:
            return
        if gather > 0.0:
            time.sleep(gather)
        yield from self._next(item)
        for _ in range(self._events.qsize()):
            yield from self._next(self._events.get())

    def stop(self) -> Iterator[Event]:
        """Begin nothing more, wait for the work under way, and yield its events."""
        self._stopping = True
        for pool in self._pools:
            pool.shutdown()
        while not self._events.empty():
            yield from self._next(self._events.get())

    def _next(self, item: Event | BaseException | None) -> Iterator[Event]:
        while self._urgent:
            yield _checked(self._urgent.popleft())
        if item is not None:
            yield _checked(item)


def _checked(item: Event | BaseException) -> Event:
    if isinstance(item, BaseException):
        raise item
    return item
