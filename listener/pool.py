"""A pool of threads that runs urgent work before ordinary work."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Pool(Generic[Value]):
    """Threads that begin with the first work. One thread gives out the work, and ends the pool.

    concurrent.futures has such a pool, but a future and three locks for each piece of work cost as much as many of
    these pieces.
    """

    def __init__(self, name: str, threads: int) -> None:
        self._name = name
        self._limit = threads
        self._threads: list[threading.Thread] = []
        self._turns: queue.SimpleQueue[bool] = queue.SimpleQueue()  # one for each piece of work; False: end
        self._urgent: deque[tuple[Callable[[], Value], Callable[[Value | BaseException], None]]] = deque()
        self._ordinary: deque[tuple[Callable[[], Value], Callable[[Value | BaseException], None]]] = deque()

    def do(
        self, work: Callable[[], Value], done: Callable[[Value | BaseException], None], *, urgent: bool = False
    ) -> None:
        """Call done, on the thread that did the work, with what work returned or raised. Work that has not begun at
        shutdown() is dropped."""
        (self._urgent if urgent else self._ordinary).append((work, done))
        self._turns.put(True)
        if len(self._threads) < self._limit:
            thread = threading.Thread(target=self._run, name=f"{self._name}_{len(self._threads)}", daemon=True)
            thread.start()  # the system may refuse it, and shutdown() waits for those that it did not
            self._threads.append(thread)

    def shutdown(self) -> None:
        """Begin nothing more, and wait for the work under way."""
        self._urgent.clear()
        self._ordinary.clear()
        for _ in self._threads:
            self._turns.put(False)
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        while self._turns.get():
            self._do_next()

    def _next(self) -> tuple[Callable[[], Value], Callable[[Value | BaseException], None]]:
        try:
            return self._urgent.popleft()
        except IndexError:
            return self._ordinary.popleft()

    def _do_next(self) -> None:
        try:
            work, done = self._next()
        except IndexError:  # it was dropped
            return
        try:
            value: Value | BaseException = work()
        except BaseException as error:  # noqa: BLE001 - the thread that handles the events has to know
            value = error
        done(value)
