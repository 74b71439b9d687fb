"""What the page's scripts ask for, beside the stream of pictures."""

from __future__ import annotations

import asyncio
import time
from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from filterfleet.common.errors import FleetError
from filterfleet.dashboard import rows
from filterfleet.dashboard.answers import JSON, Endpoint, body_of, in_words, json_of, query_of
from filterfleet.dashboard.charts import charts
from filterfleet.dashboard.feed import Feed, FullError
from filterfleet.dashboard.files import Files
from filterfleet.dashboard.orders import Desk
from filterfleet.dashboard.reader import Reader
from filterfleet.dashboard.settings import LOOKED_AT, PICTURES
from filterfleet.listener.core.order import Order, Pause, Resume, Retry

ORDERED = 100_000  # paths in one order


class Api:
    def __init__(self, reader: Reader, feed: Feed, desk: Desk, files: Files) -> None:
        self._reader = reader
        self._feed = feed
        self._desk = desk
        self._files = files

    def routes(self) -> list[Route]:
        asked: dict[str, Endpoint] = {
            "/api/now": self.now,
            "/api/charts": self.charts,
            "/api/failures": self.failures,
            "/api/jobs": self.jobs,
            "/api/job": self.job,
            "/api/gallery": self.gallery,
            "/api/preview": self.preview,
            "/api/output": self.output,
        }
        ordered: dict[str, Endpoint] = {
            "/api/retry": self.retry,
            "/api/pause": self.pause,
            "/api/resume": self.resume,
        }
        return [
            *(Route(path, in_words(endpoint), methods=["GET"]) for path, endpoint in asked.items()),
            *(Route(path, in_words(endpoint), methods=["POST"]) for path, endpoint in ordered.items()),
        ]

    # --- looking ----

    async def now(self, _request: Request) -> Response:
        try:
            return Response(await self._feed.picture(), media_type=JSON)
        except FullError:
            return json_of({"error": "Too many look at this dashboard already."}, HTTPStatus.SERVICE_UNAVAILABLE)

    async def charts(self, request: Request) -> Response:
        span = query_of(request).get("span", "1h")
        return json_of(await self._reader.ask(lambda history: charts(history, span, time.time())))

    async def failures(self, _request: Request) -> Response:
        return json_of(await self._reader.ask(rows.failures))

    async def jobs(self, request: Request) -> Response:
        return json_of(await self._reader.ask(lambda history: rows.jobs(history, query_of(request))))

    async def job(self, request: Request) -> Response:
        key = query_of(request).get("id", "")
        found = await self._reader.ask(lambda history: rows.story(history, key))
        return json_of(found | {"has_files": self._files.has_files})

    # --- pictures ----

    async def gallery(self, request: Request) -> Response:
        before = query_of(request).get("before") or None
        page = await self._reader.ask(lambda history: history.jobs(state="done", before=before, limit=LOOKED_AT))
        shown = await asyncio.to_thread(self._files.gallery, page.jobs, PICTURES)
        return json_of({"images": shown, "before": page.before})

    async def preview(self, request: Request) -> Response:
        query = query_of(request)
        job, name = query.get("job", ""), query.get("name", "")
        data = await asyncio.to_thread(self._files.preview, job, name)
        return Response(data, media_type="image/jpeg", headers={"Cache-Control": "private, max-age=3600"})

    async def output(self, request: Request) -> Response:
        query = query_of(request)
        key, name = query.get("id", ""), query.get("name", "")
        story = await self._reader.ask(lambda history: history.job(key))
        return await asyncio.to_thread(self._files.output, story.job, name)

    # --- orders ----

    async def retry(self, request: Request) -> Response:
        return await self._order(_retry(await body_of(request)))

    async def pause(self, request: Request) -> Response:
        await body_of(request)
        return await self._order(Pause())

    async def resume(self, request: Request) -> Response:
        await body_of(request)
        return await self._order(Resume())

    async def _order(self, order: Order) -> Response:
        sources = await self._reader.ask(lambda history: [place.source for place in history.places()])
        return json_of(await asyncio.to_thread(self._desk.give, sources, order))


def _retry(asked: dict[str, Any]) -> Retry:
    """Raises FleetError."""
    match asked:
        case {"all": True, **rest} if not rest:
            return Retry(everything=True)
        case {"reason": str(reason), **rest} if reason and not rest:
            return Retry(everything=True, reason=reason)
        case {"paths": [*paths], **rest} if paths and len(paths) <= ORDERED and not rest:
            if all(isinstance(path, str) for path in paths):
                return Retry(paths=tuple(paths))
    raise FleetError('Say which failures: {"paths": [...]}, {"reason": TEXT} or {"all": true}.')
