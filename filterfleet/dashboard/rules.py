"""Who may ask the page's server for something, as a pure decision about one request.

- The header Host has to be one of ours. A page of another site whose name was made to point here (DNS rebinding) still
  sends its own.
- Everything but the page's scripts and styles needs the token: in a cookie that scripts cannot read and that no other
  site makes the browser send, or as a bearer token.
- What changes something has to come from our own page, as the browser says it, and be JSON, or bytes without a
  kind, neither of which a form can send. A
  program may show the bearer token instead: no site can make a browser do that.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, urlsplit

from filterfleet.dashboard.address import ip_of

READS, WRITES = frozenset({"GET", "HEAD"}), frozenset({"POST"})
OPEN = "/static/"  # what anybody may read who knows our name: it is the same in every installation
BODY_LIMIT = 1 << 20  # bytes of a request's body
PHOTO = "/api/studio/photo"  # takes a file; everything else takes JSON
TRIES = frozenset(
    {PHOTO, *(f"/api/studio/{what}" for what in ("open", "write", "try"))}
)  # nothing of the fleet changes
PHOTO_LIMIT = 48 << 20  # bytes of it

# What a browser may do with anything from here: nothing from elsewhere, no script or style in the page itself, no text
# that becomes HTML, no frame around it.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, as far as it matters here. headers: by name in lower case; a header that came twice has a comma."""

    method: str
    path: str  # without the prefix
    query: str
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Refusal:
    status: HTTPStatus
    sentence: str


@dataclass(frozen=True, slots=True)
class Rules:
    """hosts: as address.hosts_of() makes them. any_number: an address in numbers is ours as well, because we listen
    on all of them; nobody can make a name out of numbers point elsewhere. behind_https: a proxy says how browsers have
    come; else nobody is believed who says that."""

    token: str
    hosts: frozenset[str]
    any_number: bool = False
    read_only: bool = False
    behind_https: bool = False

    @property
    def cookie(self) -> str:
        """The name of our cookie. Browsers keep cookies of all ports of a host together, so each fleet has another."""
        return f"filterfleet-{hashlib.sha256(self.token.encode()).hexdigest()[:12]}"

    def refusal(self, asked: Asked) -> Refusal | None:
        """Why a request must not come in; None if it may."""
        if not self._is_ours(asked.headers.get("host", "")):
            return Refusal(
                HTTPStatus.MISDIRECTED_REQUEST,
                "This is not the name of this dashboard: use the address that it printed, or start it with "
                "--allow-host NAME.",
            )
        if asked.method not in READS | WRITES:
            return Refusal(HTTPStatus.METHOD_NOT_ALLOWED, "Only GET, HEAD and POST are understood.")
        if asked.path.startswith(OPEN) and asked.method in READS:
            return None
        if not (self._bears(asked) or self._has_cookie(asked)):
            return Refusal(
                HTTPStatus.UNAUTHORIZED,
                "The token is missing or wrong: open the address that `filterfleet up` or `filterfleet dashboard` "
                "printed, with the token in it.",
            )
        return self._refused_write(asked) if asked.method in WRITES else None

    def is_token(self, text: str) -> bool:
        return hmac.compare_digest(text.encode("utf-8", "surrogateescape"), self.token.encode())

    def token_in(self, asked: Asked) -> str | None:
        """The token that an address carries: how a browser comes here for the first time."""
        try:
            found = parse_qs(asked.query, max_num_fields=16).get("token", [])
        except ValueError:
            return None
        return found[0] if asked.path == "/" and asked.method in READS and found else None

    def came_by_https(self, asked: Asked) -> bool:
        """Whether the browser speaks HTTPS, as far as the proxy before us says."""
        said = asked.headers.get("x-forwarded-proto", "").lower().split(",")
        return self.behind_https and "https" in map(str.strip, said)

    def _refused_write(self, asked: Asked) -> Refusal | None:
        if self.read_only and asked.path not in TRIES:
            return Refusal(HTTPStatus.FORBIDDEN, "This dashboard is read-only.")
        if not self._is_same_site(asked):
            return Refusal(HTTPStatus.FORBIDDEN, "Another site asked for this.")
        kind = asked.headers.get("content-type", "").partition(";")[0].strip().lower()
        if asked.path == PHOTO:
            if kind != "application/octet-stream":
                return Refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Send a file, as application/octet-stream.")
        elif kind != "application/json":
            return Refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Send JSON, as application/json.")
        return None

    def _is_ours(self, host: str) -> bool:
        if host.lower() in self.hosts:
            return True
        try:
            return self.any_number and ip_of(urlsplit(f"//{host}").hostname or "") is not None
        except ValueError:
            return False

    def _is_same_site(self, asked: Asked) -> bool:
        if (site := asked.headers.get("sec-fetch-site")) is not None:
            return site == "same-origin"
        if (origin := asked.headers.get("origin")) is not None:
            return urlsplit(origin).netloc.lower() == asked.headers.get("host", "").lower()
        return self._bears(asked)  # no browser, or an old one, which shows no bearer token by itself

    def _bears(self, asked: Asked) -> bool:
        scheme, _, token = asked.headers.get("authorization", "").partition(" ")
        return scheme.lower() == "bearer" and self.is_token(token.strip())

    def _has_cookie(self, asked: Asked) -> bool:
        try:
            cookies = SimpleCookie(asked.headers.get("cookie", ""))
        except CookieError:
            return False
        found = cookies.get(self.cookie)
        return found is not None and self.is_token(found.value)
