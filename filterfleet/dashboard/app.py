"""The web application: the page, its files, the stream of pictures, and what scripts ask for."""

from __future__ import annotations

from importlib import resources
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from filterfleet.dashboard.api import Api
from filterfleet.dashboard.feed import Feed
from filterfleet.dashboard.stream import Stream
from filterfleet.dashboard.studio import StudioApi

KINDS = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


def application(api: Api, feed: Feed, studio: StudioApi) -> Starlette:
    files = static_files()

    async def page(_request: Request) -> Response:
        return _file(files, "index.html")

    async def studio_page(_request: Request) -> Response:
        return _file(files, "studio.html")

    async def static(request: Request) -> Response:
        return _file(files, request.path_params["name"])

    routes = [
        Route("/", page),
        Route("/studio", studio_page),
        Route("/static/{name:path}", static),
        Route("/api/stream", Stream(feed)),
        *api.routes(),
        *studio.routes(),
    ]
    return Starlette(routes=routes, exception_handlers={HTTPException: _in_words})


def static_files() -> dict[str, bytes]:
    """The files of the page by name. They are few and small, and all in memory: no name leads to another file."""
    return dict(_files(resources.files(__package__).joinpath("static"), ""))


def _files(folder: Any, path: str) -> list[tuple[str, bytes]]:
    found: list[tuple[str, bytes]] = []
    for entry in folder.iterdir():
        if entry.is_dir():
            found += _files(entry, f"{path}{entry.name}/")
        else:
            found.append((f"{path}{entry.name}", entry.read_bytes()))
    return found


def _file(files: dict[str, bytes], name: str) -> Response:
    data = files.get(name)
    if data is None:
        raise HTTPException(404)
    return Response(data, media_type=KINDS.get(name[name.rfind(".") :], "application/octet-stream"))


async def _in_words(_request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    return JSONResponse({"error": {404: "There is no such page.", 405: "Not this way."}.get(status, "No.")}, status)
