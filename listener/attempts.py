"""Transfers to and from one place, tried again for as long as that makes sense."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from filterfleet.common.logs import get_logger
from filterfleet.listener.core.patience import Patience
from filterfleet.listener.interfaces import ChangedError, TransferError
from filterfleet.listener.loop import Event, Loop

Final = TransferError | ChangedError  # how a transfer ends that is not tried again

log = get_logger("listener")


class Attempts:
    """At a source, or at an output: so many at a time, urgent ones first, the others as they were asked for."""

    def __init__(self, loop: Loop, place: str, threads: int, limit: float) -> None:
        """limit: seconds of trouble after which an object is given up, whatever others do."""
        self._loop = loop
        self._place = place
        self._pool = loop.pool(place, threads)
        self._patience = Patience(limit)
        self._trouble = ""  # the kind that was told last

    @property
    def pause(self) -> float:
        """Seconds for which nothing new should be begun there."""
        return self._patience.pause(time.monotonic())

    def do(
        self,
        path: str,
        work: Callable[[], Any],
        succeeded: Callable[[Any], None],
        failed: Callable[[Final], None],
        *,
        urgent: bool = False,
    ) -> None:
        """Run work, which is about path, until it succeeds or there is no point in trying again."""
        again = functools.partial(self.do, path, work, succeeded, failed, urgent=urgent)
        self._loop.do(self._pool, work, functools.partial(self._done, path, again, succeeded, failed), urgent=urgent)

    def _done(
        self,
        path: str,
        again: Event,
        succeeded: Callable[[Any], None],
        failed: Callable[[Final], None],
        future: Future[Any],
    ) -> None:
        error = future.exception()
        if isinstance(error, ChangedError):
            failed(error)
        elif isinstance(error, TransferError):
            if self._loop.stopping:  # it was cut short by us
                return
            if error.transient and self._patience.failed(path, time.monotonic()):
                self._tell(str(error), path)
                self._loop.later(self.pause, again)
            else:
                failed(error)
        else:
            value = future.result()  # any other exception is a bug, and ends the listener
            self._patience.succeeded(path)
            if self._trouble:
                log.info("going on", place=self._place)
                self._trouble = ""
            succeeded(value)

    def _tell(self, trouble: str, path: str) -> None:
        kind = trouble.rpartition(": ")[2]  # without what it happened to: an outage happens to many objects
        if kind != self._trouble:
            log.error("trying again", place=self._place, path=path, reason=trouble)
            self._trouble = kind
