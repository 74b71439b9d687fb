"""Server-sent events: the pictures of a feed on one connection, for as long as its reader reads."""

from __future__ import annotations

import asyncio
import contextlib

from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from filterfleet.dashboard.feed import Feed, FullError, Viewer
from filterfleet.dashboard.settings import UNREAD

_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # proxies pass each event on at once
]


class Stream:
    """An ASGI application."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            async with self._feed.viewer() as viewer:
                await self._tell(viewer, receive, send)
        except FullError:
            await JSONResponse({"error": "Too many look at this dashboard already."}, 503)(scope, receive, send)

    async def _tell(self, viewer: Viewer, receive: Receive, send: Send) -> None:
        async def leave() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass
            viewer.end()

        await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        leaving = asyncio.create_task(leave())
        try:
            with contextlib.suppress(TimeoutError, OSError):
                while (picture := await viewer.next()) is not None:
                    await _sent(send, b"data: " + picture + b"\n\n")
                await _sent(send, b"", more=False)
        finally:
            leaving.cancel()


async def _sent(send: Send, body: bytes, *, more: bool = True) -> None:
    """Raises TimeoutError when the reader does not read."""
    await asyncio.wait_for(send({"type": "http.response.body", "body": body, "more_body": more}), UNREAD)
