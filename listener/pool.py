"""Threads that do what is urgent before all that was asked for earlier."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

Done = Callable[[Future[Any]], None]
_Task = tuple[Callable[[], Any], Done]


class Pool:
    def __init__(self, name: str, threads: int) -> None:
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._urgent: deque[_Task] = deque()
        self._ordinary: deque[_Task] = deque()

    def do(self, work: Callable[[], Any], done: Done, *, urgent: bool) -> None:
        """done is called with work's future, on the thread that did it. What has not begun at the end never does."""
        (self._urgent if urgent else self._ordinary).append((work, done))
        self._executor.submit(self._do_next)  # of as many as have been put in line

    def shutdown(self) -> None:
        """Begin nothing more, and wait for what is under way."""
        self._executor.shutdown(cancel_futures=True)

    def _do_next(self) -> None:
        try:
            work, done = self._urgent.popleft()
        except IndexError:
            work, done = self._ordinary.popleft()
        future: Future[Any] = Future()
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001 - whatever it is, whoever waits for it has to know
            future.set_exception(error)
        done(future)
