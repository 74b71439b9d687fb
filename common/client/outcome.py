"""The future of a job's outcome, which costs little to make and to settle."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError, wait
from typing import cast

from filterfleet.common.jobs.engine import ReadImage
from filterfleet.common.wire import Failed, Result

RUNNING, FINISHED = "RUNNING", "FINISHED"  # as concurrent.futures calls them


class Outcome(Future[Result | Failed]):
    """A future that runs from the start. read is how to read the image of its job in parts, if it has to be.

    A plain Future makes a lock and a condition for itself. All of these share one lock, and only a thread that
    waits for one has an event, of its own.
    """

    _condition = cast("threading.Condition", threading.RLock())  # nobody waits for it

    def __init__(self, read: ReadImage | None = None) -> None:
        self.read = read
        self._state = RUNNING
        self._result = None
        self._exception = None
        self._waiters = []
        self._done_callbacks: list[Callable[[Future[Result | Failed]], object]] = []

    def set_result(self, result: Result | Failed) -> None:
        self._settle(result, None)

    def set_exception(self, exception: BaseException | None) -> None:
        self._settle(None, exception)

    def result(self, timeout: float | None = None) -> Result | Failed:
        if (error := self.exception(timeout)) is not None:
            raise error
        return cast("Result | Failed", self._result)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        if self._state == RUNNING and not wait([self], timeout).done:
            raise TimeoutError
        return self._exception

    def _settle(self, result: Result | Failed | None, exception: BaseException | None) -> None:
        with self._condition:
            if self._state != RUNNING:
                raise InvalidStateError(self._state)
            self._result, self._exception = result, exception
            self._state, self.read = FINISHED, None
            for waiter in self._waiters:
                (waiter.add_result if exception is None else waiter.add_exception)(self)
        self._invoke_callbacks()  # type: ignore[attr-defined]
