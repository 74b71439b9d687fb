"""What the page's scripts ask for, beside the stream of pictures."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from filterfleet.common.errors import FleetError
from filterfleet.common.text import json_text
from filterfleet.dashboard import rows
from filterfleet.dashboard.charts import charts
from filterfleet.dashboard.feed import Feed, FullError
from filterfleet.dashboard.files import Files, NoPictureError
from filterfleet.dashboard.orders import Desk
from filterfleet.dashboard.reader import Reader
from filterfleet.dashboard.rules import BODY_LIMIT
from filterfleet.dashboard.settings import LOOKED_AT, PICTURES
from filterfleet.listener.core.order import Order, Pause, Resume, Retry

BODY_PATIENCE = 10.0  # seconds that the body of a request may take
JSON = "application/json"
ORDERED = 100_000  # paths in one order

Endpoint = Callable[[Request], Awaitable[Response]]


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
            *(Route(path, _answered(endpoint), methods=["GET"]) for path, endpoint in asked.items()),
            *(Route(path, _answered(endpoint), methods=["POST"]) for path, endpoint in ordered.items()),
        ]

    # --- looking ----

    async def now(self, _request: Request) -> Response:
        try:
            return Response(await self._feed.picture(), media_type=JSON)
        except FullError:
            return _json({"error": "Too many look at this dashboard already."}, HTTPStatus.SERVICE_UNAVAILABLE)

    async def charts(self, request: Request) -> Response:
        span = request.query_params.get("span", "1h")
        return _json(await self._reader.ask(lambda history: charts(history, span, time.time())))

    async def failures(self, _request: Request) -> Response:
        return _json(await self._reader.ask(rows.failures))

    async def jobs(self, request: Request) -> Response:
        return _json(await self._reader.ask(lambda history: rows.jobs(history, request.query_params)))

    async def job(self, request: Request) -> Response:
        key = request.query_params.get("id", "")
        found = await self._reader.ask(lambda history: rows.story(history, key))
        return _json(found | {"has_files": self._files.has_files})

    # --- pictures ----

    async def gallery(self, request: Request) -> Response:
        before = request.query_params.get("before") or None
        page = await self._reader.ask(lambda history: history.jobs(state="done", before=before, limit=LOOKED_AT))
        shown = await asyncio.to_thread(self._files.gallery, page.jobs, PICTURES)
        return _json({"images": shown, "before": page.before})

    async def preview(self, request: Request) -> Response:
        job, name = request.query_params.get("job", ""), request.query_params.get("name", "")
        data = await asyncio.to_thread(self._files.preview, job, name)
        return Response(data, media_type="image/jpeg", headers={"Cache-Control": "private, max-age=3600"})

    async def output(self, request: Request) -> Response:
        key, name = request.query_params.get("id", ""), request.query_params.get("name", "")
        story = await self._reader.ask(lambda history: history.job(key))
        return await asyncio.to_thread(self._files.output, story.job, name)

    # --- orders ----

    async def retry(self, request: Request) -> Response:
        return await self._order(_retry(await _body(request)))

    async def pause(self, request: Request) -> Response:
        await _body(request)
        return await self._order(Pause())

    async def resume(self, request: Request) -> Response:
        await _body(request)
        return await self._order(Resume())

    async def _order(self, order: Order) -> Response:
        sources = await self._reader.ask(lambda history: [place.source for place in history.places()])
        return _json(await asyncio.to_thread(self._desk.give, sources, order))


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


async def _body(request: Request) -> dict[str, Any]:
    """Raises FleetError for anything but a JSON object of BODY_LIMIT bytes at most."""
    data = bytearray()
    try:
        async with asyncio.timeout(BODY_PATIENCE):
            async for part in request.stream():
                data += part
                if len(data) > BODY_LIMIT:
                    raise FleetError(f"A request has {BODY_LIMIT} bytes at most.")
        found = json.loads(data)
    except (TimeoutError, ClientDisconnect, ValueError, RecursionError):
        raise FleetError("The request is no JSON.") from None
    if not isinstance(found, dict):
        raise FleetError("The request is no JSON object.")
    return found


def _answered(endpoint: Endpoint) -> Endpoint:
    """An error that has a sentence becomes an answer with that sentence."""

    async def answer(request: Request) -> Response:
        try:
            return await endpoint(request)
        except NoPictureError as error:
            return _json({"error": str(error)}, HTTPStatus.NOT_FOUND)
        except FleetError as error:
            return _json({"error": str(error)}, HTTPStatus.BAD_REQUEST)

    return answer


def _json(value: Any, status: HTTPStatus = HTTPStatus.OK) -> Response:
    return Response(json_text(value), status, media_type=JSON)
