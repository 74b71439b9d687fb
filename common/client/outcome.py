"""The future of a job's outcome, which costs little to make and to settle."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from typing import Any, cast

from filterfleet.common.jobs.engine import ReadImage
from filterfleet.common.jobs.job import Job
from filterfleet.common.wire import Failed, Result

Callback = Callable[[Future[Result | Failed]], object]

RUNNING, FINISHED = "RUNNING", "FINISHED"  # as concurrent.futures calls them


class Waiter:
    """Somebody who waits for one outcome. wait() of the standard library would do as well, and takes longer."""

    __slots__ = ("ended",)

    def __init__(self) -> None:
        self.ended = threading.Lock()  # until it has ended
        self.ended.acquire()

    def add_result(self, _outcome: Future[Result | Failed]) -> None:
        self.ended.release()

    add_exception = add_result


class Outcome(Future[Result | Failed]):
    """A future that runs from the start. read is how to read the image of its job in parts, if it has to be. job is
    there until the client's own thread has taken it.

    A plain Future makes a lock and a condition for itself. All of these share one lock, and only a thread that
    waits for one has an event, of its own. There is nothing in it that the garbage collector has to look at before
    somebody waits or is called.
    """

    _condition = cast("threading.Condition", threading.RLock())  # nobody waits for it
    _result: Result | Failed | None = None
    _exception: BaseException | None = None
    _callback: Callback | None = None  # the first one, which is the only one as a rule
    _further: tuple[Callback, ...] = ()
    _waiting: list[Any] | None = None

    def __init__(self, job: Job | None = None, read: ReadImage | None = None) -> None:
        self.job = job
        self.read = read
        self._state = RUNNING

    @property
    def _waiters(self) -> list[Any]:  # type: ignore[override]
        """What wait() and as_completed() add to, while they have the lock."""
        if self._waiting is None:
            self._waiting = []
        return self._waiting

    @property
    def _done_callbacks(self) -> tuple[Callback, ...]:
        return () if self._callback is None else (self._callback, *self._further)

    def add_done_callback(self, fn: Callback) -> None:
        with self._condition:
            if self._state == RUNNING:
                if self._callback is None:
                    self._callback = fn
                else:
                    self._further += (fn,)
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
        waiter = Waiter()
        with self._condition:
            if self._state != RUNNING:
                return self._exception
            self._waiters.append(waiter)
        if not waiter.ended.acquire(timeout=-1 if timeout is None else max(0.0, timeout)):
            with self._condition:
                self._waiters.remove(waiter)
                if self._state == RUNNING:
                    raise TimeoutError
        return self._exception

    def _settle(self, result: Result | Failed | None, exception: BaseException | None) -> None:
        with self._condition:
            if self._state != RUNNING:
                raise InvalidStateError(self._state)
            if exception is None:
                self._result = result
            else:
                self._exception = exception
            self._state = FINISHED
            if self.read is not None:
                self.read = None
            if self._waiting is not None:
                for waiter in self._waiting:
                    (waiter.add_result if exception is None else waiter.add_exception)(self)
        if self._callback is not None:
            self._invoke_callbacks()  # type: ignore[attr-defined]
