"""What the broker says of itself and its fleet, asked once in a while, as long as somebody looks."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from filterfleet.common.client.observer import Observer
from filterfleet.common.errors import FleetError

# Seconds that the broker has to answer. More forgives a busy one; less says sooner that it is silent.
PATIENCE = 3.0
# The same while it is not known to answer, so that what the page shows without it does not wait.
SHORT = 0.5
# Seconds until it is asked again, because the question or the answer may be lost.
AGAIN = 2.0
# Seconds of silence after which the connection is made anew.
RENEWAL = 15.0


@dataclass(frozen=True, slots=True)
class Sight:
    """What was seen of the broker. Instants are in seconds since the epoch.

    report: the last one, which came at heard_at; None if none has come yet. silent_since: when it fell silent, or when
    we began to ask; None while it answers. refusal: why it does not let us in, if it says so.
    """

    report: Mapping[str, Any] | None = None
    heard_at: float | None = None
    silent_since: float | None = None
    refusal: str | None = None

    @property
    def answers(self) -> bool:
        return self.silent_since is None and self.report is not None


class BrokerWatch:
    """connect begins to observe the broker. look() asks it; rest() ends the connection until somebody looks again."""

    def __init__(self, connect: Callable[[], Observer]) -> None:
        self._connect = connect
        self._observer: Observer | None = None
        # Answers come in the order of the questions, and those that were lost with a connection never come. So an
        # answer always belongs to the oldest question, whichever it was meant for.
        self._asked: deque[Future[dict[str, Any]]] = deque()
        self._asked_at = self._opened_at = 0.0
        self.sight = Sight()

    async def look(self) -> Sight:
        """Ask, and wait for the answer for a moment. An answer that comes later counts at the next look."""
        refusal = None
        try:
            self._ask(time.monotonic())
            with contextlib.suppress(TimeoutError):
                waiting = asyncio.shield(asyncio.wrap_future(self._asked[0]))
                report = await asyncio.wait_for(waiting, self._patience)
                self._asked.popleft()
                self._opened_at = time.monotonic()
                self.sight = Sight(report, time.time())
                return self.sight
            refusal = self._observer.refusal if self._observer is not None else None
        except FleetError as error:  # no usable keys, or the connection was closed
            refusal = str(error)
            await self.rest()
        before = self.sight
        since = before.silent_since or before.heard_at or time.time()
        self.sight = Sight(before.report, before.heard_at, since, refusal)
        if time.monotonic() - self._opened_at > RENEWAL:
            await self.rest()
        return self.sight

    async def rest(self) -> None:
        observer, self._observer = self._observer, None
        self._asked.clear()
        if observer is not None:
            await asyncio.to_thread(observer.close)

    @property
    def _patience(self) -> float:
        """Short while it is not known to answer: the page has other things to show."""
        return PATIENCE if self.sight.answers else SHORT

    def _ask(self, now: float) -> None:
        """Raises FleetError."""
        if self._observer is None:
            self._observer = self._connect()
            self._opened_at = now
        if self.sight.answers or not self._asked or now - self._asked_at >= AGAIN:
            self._asked.append(self._observer.status())
            self._asked_at = now
