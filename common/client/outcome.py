"""The future of a job's outcome, which costs little to make and to settle."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future

from filterfleet.common.wire import Failed, Result


class Outcome(Future[Result | Failed]):
    """A future that runs from the start. A plain Future makes a lock and a condition for itself. All of these share one
    condition, and a thread that waits for one of them has an event of its own, so nobody is woken for another's."""

    _condition = threading.Condition()

    def __init__(self) -> None:
        self._state = "RUNNING"
        self._result = None
        self._exception = None
        self._waiters = []
        self._done_callbacks: list[Callable[[Future[Result | Failed]], object]] = []

    def result(self, timeout: float | None = None) -> Result | Failed:
        self._wait(timeout)
        return super().result(0)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        self._wait(timeout)
        return super().exception(0)

    def _wait(self, timeout: float | None) -> None:
        if self._state == "RUNNING":
            ended = threading.Event()
            self.add_done_callback(lambda _: ended.set())
            ended.wait(timeout)
