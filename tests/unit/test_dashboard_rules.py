"""Who may ask the dashboard for something: each rule alone, as a decision about a request."""

from __future__ import annotations

import dataclasses
from http import HTTPStatus

import pytest

from filterfleet.common.address import Address
from filterfleet.common.errors import FleetError
from filterfleet.dashboard.address import hosts_of, is_everywhere, parse_bind, parse_prefix
from filterfleet.dashboard.rules import Asked, Rules

TOKEN = "t" * 32
HOST = "127.0.0.1:8765"
RULES = Rules(TOKEN, hosts_of(Address("127.0.0.1", 8765), ["fleet.example:443"]))
BEARER = {"authorization": f"Bearer {TOKEN}"}
COOKIE = {"cookie": f"other=1; {RULES.cookie}={TOKEN}"}
JSON = {"content-type": "application/json; charset=utf-8"}


def status(method: str, path: str, rules: Rules = RULES, query: str = "", **headers: str) -> int | None:
    """The status of a refusal; None when the request may come in. Names have - for _."""
    given = {"host": HOST} | {name.replace("_", "-"): value for name, value in headers.items()}
    refusal = rules.refusal(Asked(method, path, query, given))
    return None if refusal is None else refusal.status


def test_everything_but_the_files_of_the_page_needs_the_token():
    for path in ("/", "/api/now", "/api/stream", "/api/output", "/none", "/static", "//static/x"):
        assert status("GET", path) == HTTPStatus.UNAUTHORIZED
        assert status("GET", path, **BEARER) is None
        assert status("GET", path, **COOKIE) is None
    assert status("GET", "/static/js/main.js") is None
    assert status("POST", "/static/js/main.js") == HTTPStatus.UNAUTHORIZED


@pytest.mark.parametrize(
    "wrong",
    [
        {"authorization": f"Bearer {TOKEN[:-1]}"},
        {"authorization": f"Bearer {TOKEN}t"},
        {"authorization": f"Basic {TOKEN}"},
        {"authorization": "Bearer"},
        {"authorization": "Bearer \xff"},
        {"cookie": f"{RULES.cookie}={TOKEN[:-1]}"},
        {"cookie": f"filterfleet-000000000000={TOKEN}"},
        {"cookie": f"{RULES.cookie}="},
        {"cookie": "\x00;;;="},
    ],
)
def test_a_wrong_token_is_none(wrong):
    assert status("GET", "/api/now", **wrong) == HTTPStatus.UNAUTHORIZED


@pytest.mark.parametrize("host", [HOST, "localhost:8765", "LOCALHOST:8765", "[::1]:8765", "fleet.example:443"])
def test_our_own_names(host):
    assert status("GET", "/", **(BEARER | {"host": host})) is None


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "evil.example:8765",
        "127.0.0.1",
        "127.0.0.1:80",
        "fleet.example",
        "127.0.0.1:8765.evil.example",
        "127.0.0.1:8765,evil.example",
        "[::1",
        "192.0.2.1:8765",
    ],
)
def test_other_names_are_refused_even_with_the_token(host):
    assert status("GET", "/", **(BEARER | {"host": host})) == HTTPStatus.MISDIRECTED_REQUEST
    assert status("GET", "/static/js/main.js", host=host) == HTTPStatus.MISDIRECTED_REQUEST


def test_on_all_addresses_numbers_are_ours_and_names_are_not():
    everywhere = Address("0.0.0.0", 8765)
    rules = Rules(TOKEN, hosts_of(everywhere, []), any_number=is_everywhere(everywhere))
    for host in ("192.0.2.1:8765", "[2001:db8::1]:8765", "localhost:8765"):
        assert status("GET", "/", rules, **(BEARER | {"host": host})) is None
    for host in ("evil.example:8765", "192.0.2.1.evil.example", "[bad", "1"):
        assert status("GET", "/", rules, **(BEARER | {"host": host})) == HTTPStatus.MISDIRECTED_REQUEST


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"sec_fetch_site": "same-origin"} | COOKIE | JSON, None),
        ({"origin": f"http://{HOST}"} | COOKIE | JSON, None),
        (BEARER | JSON, None),
        (COOKIE | JSON, HTTPStatus.FORBIDDEN),
        ({"sec_fetch_site": "cross-site"} | COOKIE | JSON, HTTPStatus.FORBIDDEN),
        ({"sec_fetch_site": "same-site"} | COOKIE | JSON, HTTPStatus.FORBIDDEN),
        ({"sec_fetch_site": "none"} | COOKIE | JSON, HTTPStatus.FORBIDDEN),
        ({"sec_fetch_site": "cross-site", "origin": f"http://{HOST}"} | BEARER | JSON, HTTPStatus.FORBIDDEN),
        ({"origin": "http://evil.example"} | BEARER | JSON, HTTPStatus.FORBIDDEN),
        ({"origin": "http://127.0.0.1:9999"} | COOKIE | JSON, HTTPStatus.FORBIDDEN),
        ({"origin": "null"} | COOKIE | JSON, HTTPStatus.FORBIDDEN),
        ({"sec_fetch_site": "same-origin"} | COOKIE, HTTPStatus.UNSUPPORTED_MEDIA_TYPE),
        (BEARER | {"content_type": "application/x-www-form-urlencoded"}, HTTPStatus.UNSUPPORTED_MEDIA_TYPE),
        (BEARER | {"content_type": "text/plain"}, HTTPStatus.UNSUPPORTED_MEDIA_TYPE),
        (JSON | {"sec_fetch_site": "same-origin"}, HTTPStatus.UNAUTHORIZED),
    ],
)
def test_who_may_change_something(headers, expected):
    assert status("POST", "/api/retry", **headers) == expected
    read_only = dataclasses.replace(RULES, read_only=True)
    assert status("POST", "/api/retry", read_only, **headers) == (HTTPStatus.FORBIDDEN if expected != 401 else 401)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "X"])
def test_other_methods_are_refused(method):
    assert status(method, "/", **BEARER) == HTTPStatus.METHOD_NOT_ALLOWED


def test_a_token_in_the_address_is_for_the_page_alone():
    def token(method: str, path: str, query: str) -> str | None:
        return RULES.token_in(Asked(method, path, query, {}))

    assert token("GET", "/", f"token={TOKEN}&x=1") == TOKEN
    assert token("GET", "/api/now", f"token={TOKEN}") is None
    assert token("POST", "/", f"token={TOKEN}") is None
    assert token("GET", "/", "&".join(f"a{n}=1" for n in range(99))) is None
    assert RULES.is_token(TOKEN)
    assert not RULES.is_token("")


@pytest.mark.parametrize(
    ("behind", "said", "is_https"),
    [
        (True, {"x-forwarded-proto": "https"}, True),
        (True, {"x-forwarded-proto": "HTTPS, http"}, True),
        (True, {"x-forwarded-proto": "http"}, False),
        (True, {}, False),
        (False, {"x-forwarded-proto": "https"}, False),
    ],
)
def test_only_a_proxy_that_was_announced_is_believed_about_https(behind, said, is_https):
    rules = dataclasses.replace(RULES, behind_https=behind)
    assert rules.came_by_https(Asked("GET", "/", "", said)) is is_https


def test_each_fleet_has_a_cookie_of_its_own():
    other = dataclasses.replace(RULES, token="u" * 32)
    assert other.cookie != RULES.cookie


def test_where_it_may_listen():
    assert parse_bind("[::1]:80", "--bind") == Address("::1", 80)
    for text in ("127.0.0.1", "a:99999", "a:0"):
        with pytest.raises(FleetError, match="for --bind, such as"):
            parse_bind(text, "--bind")


def test_prefixes():
    assert [parse_prefix(text) for text in ("", "/", "/fleet", "/a/b/")] == ["", "", "/fleet", "/a/b"]
    for text in ("fleet", "/a b", "/<x>", "//evil.example", "/a/../b?"):
        with pytest.raises(FleetError, match="--prefix"):
            parse_prefix(text)


def test_other_hosts_are_names():
    for text in ("http://a", "a b", "a/b", "a,b"):
        with pytest.raises(FleetError, match="--allow-host"):
            hosts_of(Address("127.0.0.1", 1), [text])


def test_the_studio_takes_a_file_as_bytes_and_recipes_as_json_from_the_page_alone():
    ours, bytes_ = {"sec_fetch_site": "same-origin"}, {"content_type": "application/octet-stream"}
    json_ = {"content_type": "application/json"}
    photo, tried = "/api/studio/photo", "/api/studio/try"
    assert status("POST", photo, **COOKIE, **ours, **bytes_) is None
    assert status("POST", tried, **COOKIE, **ours, **json_) is None
    for kind in ({}, json_, {"content_type": "text/plain"}, {"content_type": "multipart/form-data; boundary=x"}):
        assert status("POST", photo, **COOKIE, **ours, **kind) == HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    assert status("POST", tried, **COOKIE, **ours, **bytes_) == HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    assert status("POST", "/api/retry", **COOKIE, **ours, **bytes_) == HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    for path in (photo, tried):
        assert status("POST", path, **ours, **bytes_) == HTTPStatus.UNAUTHORIZED
        assert status("POST", path, **COOKIE, sec_fetch_site="cross-site", **bytes_) == HTTPStatus.FORBIDDEN
    for path in ("/studio", "/api/studio/catalogue", "/api/studio/picture"):
        assert status("GET", path) == HTTPStatus.UNAUTHORIZED


def test_who_may_only_look_may_try_recipes():
    """They change nothing of the fleet."""
    reading = dataclasses.replace(RULES, read_only=True)
    ours = {"sec_fetch_site": "same-origin", "content_type": "application/json"}
    for what in ("open", "write", "try"):
        assert status("POST", f"/api/studio/{what}", reading, **COOKIE, **ours) is None
    for path in ("/api/retry", "/api/studio/", "/api/studio/../retry"):
        assert status("POST", path, reading, **COOKIE, **ours) == HTTPStatus.FORBIDDEN
