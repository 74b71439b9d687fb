"""What the studio's page asks for: recipes and photographs to try them on. Nothing here decodes an
image or reads a recipe."""

from __future__ import annotations

import asyncio
import base64
from http import HTTPStatus

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from filterfleet.common.errors import FleetError
from filterfleet.dashboard.answers import body_of, in_words, json_of
from filterfleet.dashboard.rules import PHOTO_LIMIT
from filterfleet.studio.session import GoneError, OvertakenError, Studio

PATIENCE = 120.0  # seconds that a photograph may take to arrive
ARRIVING = 2  # photographs at once that arrive: each takes up to PHOTO_LIMIT bytes of memory


class StudioApi:
    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._arriving = 0

    def routes(self) -> list[Route]:
        return [
            Route("/api/studio/catalogue", in_words(self.catalogue), methods=["GET"]),
            Route("/api/studio/picture", in_words(self.picture), methods=["GET"]),
            Route("/api/studio/photo", in_words(self.photo), methods=["POST"]),
            Route("/api/studio/open", in_words(self.opened), methods=["POST"]),
            Route("/api/studio/write", in_words(self.written), methods=["POST"]),
            Route("/api/studio/try", in_words(self.tried), methods=["POST"]),
        ]

    async def catalogue(self, _request: Request) -> Response:
        return json_of(await self._studio.catalogue())

    async def opened(self, request: Request) -> Response:
        match await body_of(request):
            case {"shipped": str(name)}:
                return json_of(await self._studio.shipped(name))
            case {"data": str(text), "beside": dict(beside)}:
                files = {name: _bytes_in(each) for name, each in beside.items()}
                return json_of(await self._studio.opened(_bytes_in(text), files))
        raise FleetError('Send {"shipped": NAME} or {"data": BASE64, "beside": {NAME: BASE64}}.')

    async def written(self, request: Request) -> Response:
        match await body_of(request):
            case {"recipe": dict(recipe)}:
                return json_of(await self._studio.written(recipe))
        raise FleetError('Send {"recipe": {...}}.')

    async def picture(self, request: Request) -> Response:
        id_, number = request.query_params.get("photo", ""), request.query_params.get("number", "")
        try:
            data, media = self._studio.picture(id_, int(number) if number.isdecimal() and len(number) < 16 else -1)
        except GoneError as error:
            return json_of({"error": str(error)}, HTTPStatus.NOT_FOUND)
        return Response(data, media_type=media)

    async def photo(self, request: Request) -> Response:
        if self._arriving >= ARRIVING:
            return json_of({"error": "Other photographs are just arriving: try again."}, HTTPStatus.SERVICE_UNAVAILABLE)
        self._arriving += 1
        try:
            data = await _photo_in(request)
        finally:
            self._arriving -= 1
        return json_of(await self._studio.photo(data))

    async def tried(self, request: Request) -> Response:
        match await body_of(request):
            case {"photo": str(id_), "recipe": dict(recipe), **rest} if isinstance(
                full := rest.get("full", False), bool
            ):
                pass
            case _:
                raise FleetError('Send {"photo": ID, "recipe": {...}}.')
        try:
            return json_of(await self._studio.tried(id_, recipe, full=full))
        except OvertakenError as error:
            return json_of({"error": str(error)}, HTTPStatus.CONFLICT)
        except GoneError as error:
            return json_of({"error": str(error)}, HTTPStatus.GONE)


def _bytes_in(text: object) -> bytes:
    """Raises FleetError."""
    try:
        return base64.b64decode(text, validate=True) if isinstance(text, str) else b""
    except ValueError:
        raise FleetError("A file is no base64.") from None


async def _photo_in(request: Request) -> bytes:
    """Raises FleetError for a body that is too large, or does not arrive."""
    data = bytearray()
    try:
        async with asyncio.timeout(PATIENCE):
            async for part in request.stream():
                data += part
                if len(data) > PHOTO_LIMIT:
                    raise FleetError(f"The studio takes photographs of at most {PHOTO_LIMIT >> 20} MiB.")
    except (TimeoutError, ClientDisconnect):
        raise FleetError("The photograph did not arrive.") from None
    return bytes(data)
