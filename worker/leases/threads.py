"""The threads that work on images. None of them sends heartbeats, so a slow filter delays none."""

from __future__ import annotations

import collections
import threading
import time
from collections.abc import Collection

from filterfleet.common.blob import Blob
from filterfleet.common.payload import close
from filterfleet.common.process.wakeup import Wakeup
from filterfleet.common.wire import Failed, OutputFile
from filterfleet.worker.attempt import answer, attempt
from filterfleet.worker.done import Done
from filterfleet.worker.leases.actions import Run
from filterfleet.worker.leases.runs import Key, Runs
from filterfleet.worker.leases.settings import GRACE
from filterfleet.worker.resources import Resources
from filterfleet.worker.settings import TIME_LIMIT
from filterfleet.worker.shares import ByValue, Shares


class ImageThreads:
    """Runs images and puts their outcomes into `outcomes`, with the seconds that each took. An image belongs to it from
    add() on, and is closed when its work has ended or will never begin.

    wakeup is set when there is an outcome, and when an image on trial is about to begin. Its work begins when its
    broker has been told, because from then on it is the image that the process dies of, if it dies.
    """

    def __init__(self, threads: int, resources: Resources, wakeup: Wakeup, shares: Shares | None = None) -> None:
        self.outcomes: collections.deque[tuple[Key, Done | Failed | ByValue, float]] = collections.deque()
        self._resources = resources
        self._shares = shares
        self._wakeup = wakeup
        self._change = threading.Condition()
        self._closed = False  # this and all that follow under the condition's lock
        self._runs = Runs(threads)
        self._images: dict[Key, Blob] = {}  # of the runs that wait
        self._begun: dict[Key, float] = {}  # when the work on each running image began
        self._limits: dict[Key, float] = {}  # the instant from which each running image counts as stuck
        self._untold: Key | None = None  # an image on trial that is about to begin
        for number in range(threads):
            threading.Thread(target=self._serve, name=f"image-{number + 1}", daemon=True).start()

    def add(self, key: Key, run: Run, image: Blob) -> None:
        with self._change:
            if self._runs.add(key, run):
                self._images[key] = image
                self._change.notify_all()
            else:
                close(image)

    def drop(self, key: Key) -> None:
        """Do not begin this run, if it has not begun."""
        with self._change:
            self._runs.drop(key)
            self._close_image(key)
            self._change.notify_all()  # it may have kept others back

    def begun(self) -> dict[Key, float]:
        """The runs that are being worked on, or will be as soon as told() names them, with the instants at which they
        began."""
        with self._change:
            return self._begun.copy()

    def told(self, keys: Collection[Key]) -> None:
        """The brokers have been told that these are being worked on."""
        with self._change:
            if self._untold in keys:
                self._untold = None
                self._change.notify_all()

    def stuck(self, now: float) -> bool:
        """Whether an image has run for so long that it will never end. A thread cannot be killed, a process can."""
        with self._change:
            return any(limit <= now for limit in self._limits.values())

    def close(self) -> None:
        """Begin nothing more."""
        with self._change:
            self._closed = True
            for key in list(self._images):
                self._close_image(key)
            self._change.notify_all()

    def _close_image(self, key: Key) -> None:
        if (image := self._images.pop(key, None)) is not None:
            close(image)

    def _serve(self) -> None:
        while self._work_on_one():
            pass  # and keep no reference to the image while waiting for the next one

    def _work_on_one(self) -> bool:
        """False when there is nothing more to begin."""
        if (begun := self._next()) is None:
            return False
        key, run, image = begun
        outcome: Done | Failed | ByValue | None = None
        seconds = 0.0
        try:
            if run.alone and not self._have_told(key):
                return False
            began = time.monotonic()
            outcome = _outcome(run, image, self._resources, self._shares)
            seconds = time.monotonic() - began
        finally:
            close(image)
            with self._change:
                self._runs.ended(key)
                del self._begun[key], self._limits[key]
                if outcome is not None:  # together, so that nothing begins before this has ended, nor ends it twice
                    self.outcomes.append((key, outcome, seconds))
                self._change.notify_all()
            self._wakeup.set()
        return True

    def _next(self) -> tuple[Key, Run, Blob] | None:
        """Wait for a run that may begin; None when nothing more is to begin."""
        with self._change:
            while not self._closed:
                if (begun := self._runs.next()) is not None:
                    key, run = begun
                    self._begun[key] = now = time.monotonic()
                    self._limits[key] = now + (run.timeout or TIME_LIMIT) + GRACE
                    if run.alone:
                        self._untold = key
                    return key, run, self._images.pop(key)
                self._change.wait()
            return None

    def _have_told(self, key: Key) -> bool:
        """Wait until the broker has been told that this one begins; False when nothing more is to begin."""
        self._wakeup.set()
        with self._change:
            self._change.wait_for(lambda: self._closed or self._untold != key)
            return not self._closed


def _outcome(run: Run, image: Blob, resources: Resources, shares: Shares | None) -> Done | Failed | ByValue:
    if run.opaque:
        reply = answer(image, resources)
        return Done((OutputFile("answer", "", len(reply)),), (reply,), {})
    if run.reference and shares is not None:
        return shares.attempt(run.lease, run.recipe, run.reference, resources)
    return attempt(run.lease, run.recipe, image, resources)
