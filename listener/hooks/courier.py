"""One receiver's thread: it reads what has ended, tells it, and keeps the mark."""

from __future__ import annotations

import contextlib
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

from filterfleet.common.errors import FleetError
from filterfleet.common.logs import get_logger
from filterfleet.common.ratelimit import RateLimit
from filterfleet.listener.hooks.cursor import Cursor, read_cursor, write_cursor
from filterfleet.listener.hooks.event import HookEvent, batch_event, event_of
from filterfleet.listener.hooks.feed import Feed
from filterfleet.listener.hooks.patience import OLDEST, Answer, Patience, Told
from filterfleet.listener.ledger.endings import Done, Ending, Mark
from filterfleet.listener.settings.hooks import Kind

POLL = 0.5  # seconds between two looks into the ledger. More: less work. Less: events are told sooner.
PAGE = 100  # endings that are read at once
SAVE = 1.0  # seconds between two writings of the mark: what was told since the last one is told again after a crash

# QUIET: seconds without an ending, while nothing is pending, after which a batch is done. More: images that come one
# after the other are one batch. Less: its end is told sooner.
QUIET = 2.0

# GRACE: seconds that are left at the end to a receiver that is being told. More: less is told twice. Less: the listener
# ends sooner.
GRACE = 5.0
LINES, LINES_PERIOD = 5, 60.0  # lines of a kind that one receiver may have in the log in a period, and its seconds

log = get_logger("listener")


class Way(Protocol):
    """How events reach a receiver."""

    @property
    def width(self) -> int:
        """How many events tell() may be called for at once."""

    def tell(self, event: HookEvent) -> Told: ...

    def interrupt(self) -> None:
        """Break off what tell() does in other threads."""

    def close(self) -> None:
        """When nobody is being told any more."""


@dataclass(slots=True)
class Counts:
    """delivered: events that were taken. dropped: those that never will be. retried: tries in vain before another one.
    lag: how many seconds ago the first of those that wait has ended; 0 if none waits."""

    delivered: int = 0
    dropped: int = 0
    retried: int = 0
    lag: float = 0.0


class Courier:
    """shown is the receiver as logs may name it; file is the name of its mark in folder, a descriptor of ours."""

    def __init__(
        self, shown: str, way: Way, feed: Feed, kinds: frozenset[Kind], folder: int, file: str, began: float
    ) -> None:
        """began: a receiver that is new is told what ends from this instant on, in seconds since the epoch."""
        self.counts = Counts()
        self._shown = shown
        self._way = way
        self._feed = feed
        self._kinds = kinds
        self._folder, self._file = folder, file
        self._cursor = read_cursor(folder, file) or Cursor(Mark(began), Mark(began))
        self._saved: Cursor | None = None
        self._save_at = 0.0
        self._idle_since = time.monotonic()
        self._stopping = False  # nothing more is to be told
        self._last = False  # nothing more will end
        self._wake = threading.Event()
        self._counting = threading.Lock()
        self._lines = RateLimit(LINES, LINES_PERIOD)
        self._pool = ThreadPoolExecutor(way.width, thread_name_prefix="hook")
        self._save()
        self._thread = threading.Thread(target=self._run, name="hooks", daemon=True)
        self._thread.start()

    def finish(self) -> None:
        """Nothing more will end: tell what is untold, and that the batch is done."""
        self._last = True
        self._wake.set()

    def wait(self, seconds: float) -> None:
        """After finish(), until everything is told, for this time at most."""
        self._thread.join(seconds)

    def stop(self) -> None:
        """Begin to tell nothing more."""
        self._stopping = True
        self._wake.set()

    def close(self) -> None:
        """stop(), and return when nothing is being told any more. What is untold is told after the next start."""
        self.stop()
        self._thread.join(GRACE)
        self._way.interrupt()
        self._thread.join()
        self._pool.shutdown()
        self._way.close()
        self._save()

    # --- the thread ----

    def _run(self) -> None:
        while not self._stopping:
            last = self._last
            try:
                told = self._turn(last=last)
            except FleetError as error:
                told = 0
                self._say("warning", "the ledger cannot be read for a hook", reason=str(error))
            if time.monotonic() >= self._save_at:
                self._save()
            if told:
                self._idle_since = time.monotonic()
            elif last and not self._cursor.begun:
                return
            else:
                self._wait(POLL)

    def _wait(self, seconds: float) -> None:
        self._wake.wait(seconds)
        if not self._stopping:
            self._wake.clear()

    def _turn(self, *, last: bool) -> int:
        """Tell a page of endings, or that a batch is done. last: nothing more will end. Returns how many endings
        that were. Raises FleetError."""
        self._cursor = self._cursor.not_beyond(time.time())
        found = self._feed.read(self._cursor.done, self._cursor.failed, PAGE, at_rest=last)
        width = self._way.width
        for first in range(0, len(found), width):
            if not self._tell_all(found[first : first + width]):
                return first
            if time.monotonic() >= self._save_at:
                self._save()
        self.counts.lag = 0.0
        if not found and self._cursor.begun and self._batch_is_done(last=last):
            self._tell_batch()
        return len(found)

    def _batch_is_done(self, *, last: bool) -> bool:
        quiet = last or time.monotonic() - self._idle_since >= QUIET
        return quiet and not self._feed.is_pending()

    def _tell_all(self, endings: list[Ending]) -> bool:
        """False: it was stopped, and not all of them were told."""
        self.counts.lag = max(0.0, time.time() - endings[0].at)
        events = [self._event(ending) for ending in endings]
        if not all(list(self._pool.map(self._tell, filter(None, events)))):
            return False
        for ending in endings:
            self._cursor = self._cursor.after(ending)
        return True

    def _event(self, ending: Ending) -> HookEvent | None:
        """None for one that is not to be told."""
        if (Kind.DONE if isinstance(ending, Done) else Kind.FAILED) not in self._kinds:
            return None
        if ending.at < time.time() - OLDEST:
            self._drop(ending.path, "it ended too long ago")
            return None
        return event_of(ending, self._feed.source, self._feed.recipe)

    def _tell_batch(self) -> None:
        cursor = self._cursor
        if Kind.BATCH in self._kinds:
            numbers = cursor.begun, cursor.ended, cursor.images_done, cursor.images_failed
            if not self._tell(batch_event(self._feed.source, self._feed.recipe, *numbers)):
                return
        self._cursor = cursor.after_batch()
        self._save()

    def _tell(self, event: HookEvent) -> bool:
        """Until it is taken or dropped. False: it was stopped before."""
        patience = Patience(time.monotonic())
        while not self._stopping:
            told = self._way.tell(event)
            if told.answer is Answer.TAKEN:
                with self._counting:
                    self.counts.delivered += 1
                return True
            pause = patience.pause(told, time.monotonic())
            if pause is None:
                self._drop(str(event.fields.get("path", "")), told.reason)
                return True
            with self._counting:
                self.counts.retried += 1
            self._say("warning", "hook not delivered, trying again", reason=told.reason, pause=pause)
            self._pause(pause)
        return False

    def _pause(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while not self._stopping and (left := until - time.monotonic()) > 0:
            self._wait(left)

    def _drop(self, path: str, reason: str) -> None:
        with self._counting:
            self.counts.dropped += 1
        self._say("error", "hook dropped", path=path, reason=reason, dropped=self.counts.dropped)

    def _say(self, level: str, event: str, **fields: object) -> None:
        with self._counting:
            total = self._lines.admit(event, time.monotonic())
        if total:
            getattr(log, level)(event, hook=self._shown, total=total, **fields)

    def _save(self) -> None:
        self._save_at = time.monotonic() + SAVE
        if self._cursor != self._saved:
            with contextlib.suppress(OSError):  # a full disk: more is told again after a crash
                write_cursor(self._folder, self._file, self._cursor)
                self._saved = self._cursor
