"""Requests and answers in JSON, and errors in words."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from filterfleet.common.errors import FleetError
from filterfleet.common.text import json_text
from filterfleet.dashboard.files import NoPictureError
from filterfleet.dashboard.rules import BODY_LIMIT

BODY_PATIENCE = 10.0  # seconds that the body of a request may take
JSON = "application/json"

Endpoint = Callable[[Request], Awaitable[Response]]


async def body_of(request: Request) -> dict[str, Any]:
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


def query_of(request: Request) -> dict[str, str]:
    """The query by name. Bytes that are not UTF-8 are escapes, as they are in the paths of the ledger (PEP 383)."""
    text = request.scope["query_string"].decode("latin-1")
    return dict(parse_qsl(text, keep_blank_values=True, errors="surrogateescape"))


def in_words(endpoint: Endpoint) -> Endpoint:
    """An error that has a sentence becomes an answer with that sentence."""

    async def answer(request: Request) -> Response:
        try:
            return await endpoint(request)
        except NoPictureError as error:
            return json_of({"error": str(error)}, HTTPStatus.NOT_FOUND)
        except FleetError as error:
            return json_of({"error": str(error)}, HTTPStatus.BAD_REQUEST)

    return answer


def json_of(value: Any, status: HTTPStatus = HTTPStatus.OK) -> Response:
    return Response(json_text(value), status, media_type=JSON)
