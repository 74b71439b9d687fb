"""The threads that work on images. None of them is the one that sends heartbeats, however long a filter takes."""

from __future__ import annotations

import collections
import threading
import time

from filterfleet.common.process.wakeup import Wakeup
from filterfleet.common.wire import Failed, OutputFile
from filterfleet.worker.attempt import TIME_LIMIT, answer, attempt
from filterfleet.worker.done import Done
from filterfleet.worker.leases.runs import Key, Runs
from filterfleet.worker.leases.session import Run
from filterfleet.worker.resources import Resources

GRACE = 5.0  # seconds beyond its limit until a running task is called stuck


class ImageThreads:
    """wakeup is set when an outcome is there, and when an image on trial is taken: its work begins when its broker has
    been told, because from then on it is the one that the process dies of."""

    def __init__(self, threads: int, resources: Resources, wakeup: Wakeup) -> None:
        self.outcomes: collections.deque[tuple[Key, Done | Failed]] = collections.deque()
        self._resources = resources
        self._wakeup = wakeup
        self._change = threading.Condition()
        self._closed = False
        self._runs = Runs(threads)  # this and the next under the condition's lock
        self._limits: dict[Key, float] = {}  # of what runs: the instant from which it counts as stuck
        self._untold: Key | None = None  # an image on trial that is about to begin
        for number in range(threads):
            threading.Thread(target=self._serve, name=f"image-{number + 1}", daemon=True).start()

    def add(self, key: Key, run: Run) -> None:
        with self._change:
            self._runs.add(key, run)
            self._change.notify_all()

    def drop(self, key: Key) -> None:
        """Do not begin this one, if it has not begun."""
        with self._change:
            self._runs.drop(key)
            self._change.notify_all()  # it may have kept others back

    def begun(self) -> list[Key]:
        """What is being worked on, or will be as soon as told() says so."""
        with self._change:
            return list(self._limits)

    def told(self, keys: list[Key]) -> None:
        """The brokers have been told that these are being worked on."""
        with self._change:
            if self._untold in keys:
                self._untold = None
                self._change.notify_all()

    def stuck(self, now: float) -> bool:
        """Whether something has run for so long that it will never end. A thread cannot be killed, a process can."""
        with self._change:
            return any(limit <= now for limit in self._limits.values())

    def close(self) -> None:
        """Begin nothing more."""
        with self._change:
            self._closed = True
            self._change.notify_all()

    def _serve(self) -> None:
        while self._work_on_one():
            pass  # with nothing left of it: whoever waits for the next image must not keep this one

    def _work_on_one(self) -> bool:
        with self._change:
            while not self._closed and (begun := self._runs.next()) is None:
                self._change.wait()
            if self._closed:
                return False
            assert begun is not None
            key, run = begun
            self._limits[key] = time.monotonic() + (run.timeout or TIME_LIMIT) + GRACE
            if run.alone and not self._have_told(key):
                return False
        try:
            self.outcomes.append((key, _outcome(run, self._resources)))
        finally:
            with self._change:
                self._runs.ended(key)
                del self._limits[key]
                self._change.notify_all()
            self._wakeup.set()
        return True

    def _have_told(self, key: Key) -> bool:
        """Wait until the broker has been told that this one begins; False when nothing more is to begin."""
        self._untold = key
        self._wakeup.set()
        self._change.wait_for(lambda: self._closed or self._untold is None)
        return not self._closed


def _outcome(run: Run, resources: Resources) -> Done | Failed:
    if run.opaque:
        reply = answer(run.image, resources)
        return Done((OutputFile("answer", "", len(reply)),), (reply,), {})
    return attempt(run.lease, run.recipe, run.image, resources)
