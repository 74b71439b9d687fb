"""The outermost part of the web application: asks the rules about each request, and gives each answer its headers."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus

from starlette.datastructures import MutableHeaders
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from filterfleet.common.logs import get_logger
from filterfleet.dashboard.rules import HEADERS, OPEN, Asked, Rules

log = get_logger("dashboard")

PAGES = ("/", "/studio")

_STRANGER = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>filterfleet</title><link rel="stylesheet" href="{prefix}/static/css/base.css">
<link rel="stylesheet" href="{prefix}/static/css/stranger.css">
<main><h1>This page needs its token</h1>
<p>Open the address that <code>filterfleet up</code> or <code>filterfleet dashboard</code> printed when it started:
the token is in it. It is also in the file <code>dashboard.token</code> in the state folder of the fleet.</p></main>
"""


class Door:
    """Stands before an ASGI application. prefix: the path below which a proxy shows us; one that removes the prefix
    from what it passes on is understood, too."""

    def __init__(self, app: ASGIApp, rules: Rules, prefix: str) -> None:
        self._app = app
        self._rules = rules
        self._prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        begun = False

        async def sent(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                self._mark(MutableHeaders(scope=message), scope["path"])
            await send(message)

        below = self._below(scope["path"])
        scope = {**scope, "path": below, "raw_path": below.encode()}
        try:
            answer = self._answer(_asked(scope))
            await (self._app if answer is None else answer)(scope, receive, sent)
        except Exception:
            log.exception("unexpected failure")
            if not begun:
                await _said(HTTPStatus.INTERNAL_SERVER_ERROR, "The dashboard failed: its log says how.")(
                    scope, receive, sent
                )

    def _below(self, path: str) -> str:
        if self._prefix and (path == self._prefix or path.startswith(f"{self._prefix}/")):
            return path.removeprefix(self._prefix)
        return path

    def _answer(self, asked: Asked) -> ASGIApp | None:
        """What a request gets that is not passed on."""
        refusal = self._rules.refusal(asked)
        if refusal is not None and refusal.status is not HTTPStatus.UNAUTHORIZED:
            return _said(refusal.status, refusal.sentence)
        if asked.path == "":  # the page's own addresses are relative to a path that ends with a slash
            return RedirectResponse(f"{self._prefix}/", HTTPStatus.PERMANENT_REDIRECT)
        if (given := self._rules.token_in(asked)) is not None and self._rules.is_token(given):
            return self._welcome(secure=self._rules.came_by_https(asked))
        if refusal is None:
            return None
        if asked.path in PAGES:
            return HTMLResponse(_STRANGER.format(prefix=self._prefix), refusal.status)
        return _said(refusal.status, refusal.sentence)

    def _welcome(self, *, secure: bool) -> Response:
        """The token leaves the address, so that neither the history nor a copied link has it."""
        answer = RedirectResponse(f"{self._prefix}/", HTTPStatus.SEE_OTHER)
        answer.set_cookie(
            self._rules.cookie,
            self._rules.token,
            max_age=365 * 86_400,
            path=f"{self._prefix}/",
            httponly=True,
            secure=secure,
            samesite="strict",
        )
        return answer

    def _mark(self, headers: MutableHeaders, path: str) -> None:
        for name, value in HEADERS.items():
            headers[name] = value
        if "cache-control" not in headers:
            headers["Cache-Control"] = "no-cache" if self._below(path).startswith(OPEN) else "no-store"


def _asked(scope: Scope) -> Asked:
    headers: dict[str, str] = {}
    raw: Sequence[tuple[bytes, bytes]] = scope["headers"]
    for name, value in raw:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        headers[key] = f"{headers[key]},{text}" if key in headers else text
    return Asked(scope["method"], scope["path"], scope["query_string"].decode("latin-1"), headers)


def _said(status: HTTPStatus, sentence: str) -> Response:
    return JSONResponse({"error": sentence}, status)
