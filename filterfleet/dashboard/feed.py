"""Pictures of the fleet, taken once a second as long as somebody looks, for all who look."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

from filterfleet.common.logs import get_logger
from filterfleet.dashboard.settings import LINGER, LOOK, STREAMS

log = get_logger("dashboard")


class FullError(Exception):
    """There is no room for another one who looks."""


class Viewer:
    """One who looks. It only ever gets the newest picture, so nothing is kept for one who is slow."""

    def __init__(self) -> None:
        self._news = asyncio.Event()
        self._newest: bytes | None = None
        self._ended = False

    def show(self, picture: bytes) -> None:
        self._newest = picture
        self._news.set()

    def end(self) -> None:
        self._ended = True
        self._news.set()

    async def next(self) -> bytes | None:
        """The next picture; None at the end."""
        await self._news.wait()
        self._news.clear()
        return None if self._ended else self._newest


class Feed:
    """take makes the next picture; rest is called when nobody looks any more."""

    def __init__(self, take: Callable[[], Awaitable[bytes]], rest: Callable[[], Awaitable[None]]) -> None:
        self._take = take
        self._rest = rest
        self._viewers: set[Viewer] = set()
        self._task: asyncio.Task[None] | None = None
        self._newest: bytes | None = None  # while somebody looks
        self._ended = False

    @property
    def viewers(self) -> int:
        """How many look now."""
        return len(self._viewers)

    async def picture(self) -> bytes:
        """One picture, for somebody who only glances: the newest, if somebody else looks. Raises FullError."""
        if self._newest is not None:
            return self._newest
        async with self.viewer() as viewer:
            picture = await viewer.next()
        if picture is None:
            raise FullError
        return picture

    @contextlib.asynccontextmanager
    async def viewer(self) -> AsyncIterator[Viewer]:
        """Raises FullError."""
        if len(self._viewers) >= STREAMS or self._ended:
            raise FullError
        viewer = Viewer()
        self._viewers.add(viewer)
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        try:
            yield viewer
        finally:
            self._viewers.discard(viewer)

    def end(self) -> None:
        """All streams end, so that their connections do."""
        self._ended = True
        for viewer in self._viewers:
            viewer.end()

    async def close(self) -> None:
        self.end()
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            left = loop.time()
            while self._viewers or loop.time() - left < LINGER:
                began = loop.time()
                picture = await self._taken()
                if picture is not None:
                    self._newest = picture
                    for viewer in self._viewers:
                        viewer.show(picture)
                if self._viewers:
                    left = loop.time()
                await asyncio.sleep(max(0.1, began + LOOK - loop.time()))
        finally:
            self._task = self._newest = None
            await self._rest()

    async def _taken(self) -> bytes | None:
        try:
            return await self._take()
        except Exception:
            log.exception("no picture")
            return None
