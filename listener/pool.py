"""A thread pool that runs urgent work before ordinary work."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Pool(Generic[Value]):
    def __init__(self, name: str, threads: int) -> None:
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._urgent: deque[tuple[Callable[[], Value], Callable[[Value | BaseException], None]]] = deque()
        self._ordinary: deque[tuple[Callable[[], Value], Callable[[Value | BaseException], None]]] = deque()

    def do(
        self, work: Callable[[], Value], done: Callable[[Value | BaseException], None], *, urgent: bool = False
    ) -> None:
        """Call done, on the thread that did the work, with what work returned or raised. Work that has not begun at
        shutdown() is dropped."""
        (self._urgent if urgent else self._ordinary).append((work, done))
        self._executor.submit(self._do_next)  # one call for each entry, so that no entry is left over

    def shutdown(self) -> None:
        """Begin nothing more, and wait for the work under way."""
        self._executor.shutdown(cancel_futures=True)

    def _do_next(self) -> None:
        try:
            work, done = self._urgent.popleft()
        except IndexError:
            work, done = self._ordinary.popleft()
        try:
            value: Value | BaseException = work()
        except BaseException as error:  # noqa: BLE001 - the thread that handles the events has to know
            value = error
        done(value)
