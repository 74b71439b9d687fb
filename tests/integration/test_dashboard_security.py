"""The dashboard under attack by other users of the machine and by other sites, on a real server."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from filterfleet.common.jobs.recipe import DEFAULT
from filterfleet.listener.core.scan import Version
from filterfleet.listener.ledger.opening import open_ledger
from filterfleet.listener.orders.box import Box
from filterfleet.listener.state import PRIVATE
from tests.integration.dashboard_rig import Page, start_page
from tests.integration.harness import Processes

FAILED = "<img src=x onerror=alert(1)>.jpg"


@pytest.fixture(scope="module")
def output(tmp_path_factory) -> Path:
    """The output of a listener that does not run, with one failure in its ledger."""
    source, output = tmp_path_factory.mktemp("in"), tmp_path_factory.mktemp("out")
    ledger = open_ledger(source, output, None, DEFAULT)
    version = Version(1, 2, "", 0, 0)
    ledger.add(FAILED, version, fresh=False)
    ledger.failed(FAILED, version, "It is no image.", transient=False)
    ledger.commit()
    ledger.close()
    (output / "secret.txt").write_text("not a result")
    return output


@pytest.fixture(scope="module")
def pages(output, tmp_path_factory) -> Iterator[tuple[Page, Page]]:
    """One as everybody starts it, and a read-only one behind a proxy."""
    processes = Processes(tmp_path_factory.mktemp("logs"))
    try:
        options = ("--behind-https", "--prefix", "/fleet", "--read-only", "--allow-host", "fleet.example")
        yield start_page(processes, output), start_page(processes, output, *options)
    finally:
        processes.close()


@pytest.fixture(scope="module")
def page(pages) -> Page:
    return pages[0]


def test_the_token_is_for_this_user_alone_and_stays(output, page):
    file = output / PRIVATE / "dashboard.token"
    assert file.read_text().strip() == page.token
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_nothing_without_the_token(page):
    for path in ("/", "/api/now", "/api/jobs", "/api/stream", "/api/preview?job=00", "/?token=wrong", "/none"):
        answer = page.ask(path)
        assert answer.status == 401, path
        assert page.token.encode() not in answer.body
        assert "set-cookie" not in answer.headers
    assert page.ask("/static/js/main.js").status == 200


def test_the_address_with_the_token_makes_a_cookie_that_nobody_else_gets(page):
    welcome = page.ask(f"/?token={page.token}")
    assert (welcome.status, welcome.headers["location"]) == (303, "/")
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= {
        part.strip() for part in welcome.headers["set-cookie"].split(";")
    }
    shown = page.ask("/", {"Cookie": page.cookie()})
    assert shown.status == 200
    assert page.token.encode() not in shown.body
    assert page.ask("/api/now", {"Cookie": page.cookie()}).json["ledger"]["counts"]["failed"] == 1


def test_every_answer_forbids_what_a_browser_should_not_do(page):
    for path, status in (("/", 200), ("/static/css/base.css", 200), ("/none", 404), ("/api/job?id=%00", 400)):
        answer = page.ask(path, page.bearer)
        assert answer.status == status
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self';")
        assert "unsafe" not in policy
        assert "require-trusted-types-for 'script'" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "server" not in answer.headers
        assert "access-control-allow-origin" not in answer.headers
    assert page.ask("/api/now").headers["content-security-policy"]
    assert page.ask("/api/now", page.bearer).headers["cache-control"] == "no-store"


def test_another_name_for_this_machine_is_refused(page):
    for host in ("evil.example", f"evil.example:{page.port}", "127.0.0.1"):
        for path in ("/", "/static/js/main.js", f"/?token={page.token}"):
            assert page.ask(path, {**page.bearer, "Host": host}).status == 421


def test_other_sites_cannot_order_anything(page, output):
    cookie = {"Cookie": page.cookie(), "Content-Type": "application/json"}
    body = b'{"all": true}'
    for headers, status in (
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({}, 403),
        ({"Sec-Fetch-Site": "same-origin", "Content-Type": "application/x-www-form-urlencoded"}, 415),
        ({"Sec-Fetch-Site": "same-origin", "Content-Type": "text/plain"}, 415),
        ({"Sec-Fetch-Site": "same-origin", "Host": "evil.example"}, 421),
    ):
        assert page.ask("/api/retry", cookie | headers, "POST", body).status == status, headers
    assert page.ask("/api/retry", cookie | {"Sec-Fetch-Site": "same-origin", "Cookie": ""}, "POST", body).status == 401
    assert page.ask("/api/retry", page.bearer).status == 405
    assert not [*(output / PRIVATE / "orders").glob("*/*.json")]


def test_an_order_waits_for_a_listener(page, output):
    (source,) = page.ask("/api/now", page.bearer).json["ledger"]["sources"]
    assert page.order("retry", {"paths": [FAILED]}).json == {"state": "waits", "count": 0}
    box = Box(output / PRIVATE, source)
    ((id_, order),) = box.take()
    assert order.paths == (FAILED,)
    box.answer(id_, {"count": 1})
    box.close()


@pytest.mark.parametrize(
    "body",
    [
        "{",
        "[]",
        "null",
        '{"all": 1}',
        '{"all": true, "reason": "x"}',
        '{"paths": []}',
        '{"paths": [1]}',
        '{"reason": ""}',
        "[" * 5000,
        "ÿ",
        "",
    ],
)
def test_what_is_no_order_gets_a_sentence(page, body):
    headers = {**page.bearer, "Content-Type": "application/json"}
    answer = page.ask("/api/retry", headers, "POST", body.encode("latin-1"))
    assert answer.status == 400
    assert answer.json["error"].endswith(".")


def test_a_body_has_a_limit(page):
    headers = {**page.bearer, "Content-Type": "application/json"}
    answer = page.ask("/api/retry", headers, "POST", json.dumps({"reason": "x" * (2 << 20)}).encode())
    assert answer.status == 400
    assert "bytes" in answer.json["error"]


def test_no_name_leads_out(page):
    for path in (
        "/static/../server.py", "/static/%2e%2e/server.py", "/static//etc/passwd", "/static/",
        "/api/output?id=../../secret.txt&name=x", "/api/output?id=000000&name=../secret.txt",
        "/api/preview?job=../ledger.sqlite3&name=", "/api/preview?job=%00&name=", "/api/preview?job=000000&name=x",
        "/secret.txt", "/..%2f..%2fetc/passwd",
    ):  # fmt: skip
        answer = page.ask(path, page.bearer)
        assert answer.status in (400, 404), path
        assert answer.json["error"]


def test_behind_a_proxy_and_read_only(pages):
    page = pages[1]
    assert page.prefix == "/fleet"
    welcome = page.ask(f"/fleet/?token={page.token}")
    assert welcome.headers["location"] == "/fleet/"
    assert "Path=/fleet/" in welcome.headers["set-cookie"]
    assert "Secure" not in welcome.headers["set-cookie"]
    over_https = page.ask(f"/fleet/?token={page.token}", {"X-Forwarded-Proto": "https"})
    assert "Secure" in over_https.headers["set-cookie"]
    assert page.ask("/fleet", page.bearer).headers["location"] == "/fleet/"
    assert page.ask("/fleet/api/now", page.bearer).json["read_only"] is True
    assert page.ask("/api/now", {**page.bearer, "Host": "fleet.example"}).status == 200, "the proxy removed the prefix"
    assert page.order("retry", {"all": True}).status == 403


def test_hostile_names_travel_as_text(page):
    (job,) = page.ask("/api/jobs?state=failed", page.bearer).json["jobs"]
    assert job["path"] == FAILED
    answer = page.ask("/api/jobs?state=failed", page.bearer)
    assert answer.headers["content-type"] == "application/json"


def test_a_second_one_says_that_the_port_is_taken(page, output, processes):
    code, said = processes.run("dashboard", "--output", output, "--bind", page.host)
    assert code == os.EX_TEMPFAIL
    assert said.endswith(f"The dashboard cannot listen at {page.host}: Address already in use.\n")


def test_a_fleet_that_is_not_there(processes, tmp_path):
    code, said = processes.run("dashboard", "--output", tmp_path)
    assert code == 2
    assert "There is no ledger" in said
