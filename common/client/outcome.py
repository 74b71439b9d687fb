"""The future of a job's outcome, which costs little to make and to settle."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError, wait
from functools import cached_property
from typing import Any, cast

from filterfleet.common.jobs.engine import ReadImage
from filterfleet.common.wire import Failed, Result

Callback = Callable[[Future[Result | Failed]], object]

RUNNING, FINISHED = "RUNNING", "FINISHED"  # as concurrent.futures calls them


class Outcome(Future[Result | Failed]):
    """A future that runs from the start. read is how to read the image of its job in parts, if it has to be.

    A plain Future makes a lock and a condition for itself. All of these share one lock, and only a thread that
    waits for one has an event, of its own. There is nothing in it that the garbage collector has to look at before
    somebody waits or is called.
    """

    _condition = cast("threading.Condition", threading.RLock())  # nobody waits for it
    _result: Result | Failed | None = None
    _exception: BaseException | None = None
    _done_callbacks: tuple[Callback, ...] = ()

    def __init__(self, read: ReadImage | None = None) -> None:
        self.read = read
        self._state = RUNNING

    @cached_property
    def _waiters(self) -> list[Any]:  # type: ignore[override]
        return []

    def add_done_callback(self, fn: Callback) -> None:
        with self._condition:
            if self._state == RUNNING:
                self._done_callbacks = (*self._done_callbacks, fn) if self._done_callbacks else (fn,)
                return
        super().add_done_callback(fn)  # which calls it now

    def set_result(self, result: Result | Failed) -> None:
        self._settle(result, None)

    def set_exception(self, exception: BaseException | None) -> None:
        self._settle(None, exception)

    def result(self, timeout: float | None = None) -> Result | Failed:
        if self._result is not None:
            return self._result
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
            for waiter in self.__dict__.get("_waiters", ()):  # those of somebody who waits
                (waiter.add_result if exception is None else waiter.add_exception)(self)
        if self._done_callbacks:
            self._invoke_callbacks()  # type: ignore[attr-defined]
