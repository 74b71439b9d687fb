"""Real receivers of hooks: what they get, how often, and what becomes of those that are away."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import os
import re
import ssl
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import trustme

from filterfleet.common.wire import OutputFile, Result
from filterfleet.listener.core.scan import Version
from filterfleet.listener.hooks import courier as courier_module
from filterfleet.listener.hooks import patience as patience_module
from filterfleet.listener.hooks import program as program_module
from filterfleet.listener.hooks.event import HookEvent
from filterfleet.listener.hooks.feed import Feed
from filterfleet.listener.hooks.office import HOOKS, Office
from filterfleet.listener.hooks.patience import TRIES, Answer, Told
from filterfleet.listener.hooks.program import Run
from filterfleet.listener.hooks.signature import HEADER
from filterfleet.listener.hooks.webhook import Post
from filterfleet.listener.ledger import endings
from filterfleet.listener.ledger.ledger import Ledger
from filterfleet.listener.settings.hooks import HookOptions, Kind, Program, Receiver, Webhook

ALL = "image.done,image.failed,batch.done"
RECIPE = "ab" * 8
SECRET = b"a secret of enough characters"
NOT_UTF8 = os.fsdecode(b"a\xff.jpg")


@pytest.mark.parametrize("query", [endings._DONE, endings._FAILED, endings._PENDING])
def test_looking_for_what_has_ended_costs_the_same_however_much_has(ledger, query):
    values = {"source": b"/in", "recipe": RECIPE, "before": 1.0, "most": 1, "at": 0.0, "path": b""}
    (plan,) = (row[3] for row in ledger._db.execute(f"EXPLAIN QUERY PLAN {query}", values))
    assert re.search(r"USING (COVERING )?INDEX (results_by_end|undone_by_time) \(source=\? AND recipe=\?", plan), plan


class Receiving(ThreadingHTTPServer):
    """Takes events on loopback. statuses are those of its first answers; the others are 204."""

    daemon_threads = True

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.took: list[dict[str, object]] = []
        self.wrong = 0  # signatures
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def webhook(self) -> Webhook:
        return Webhook(f"http://127.0.0.1:{self.server_port}/path-of-the-hook", SECRET)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Receiving

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        fields = dict(part.split("=") for part in self.headers[HEADER].split(","))
        expected = hmac.new(SECRET, f"{fields['t']}.".encode() + body, hashlib.sha256).hexdigest()
        self.server.wrong += fields["v1"] != expected
        status = self.server.statuses.pop(0) if self.server.statuses else 204
        if status == 204:
            event = json.loads(body)
            assert self.headers["Filterfleet-Event"] == event["event"]
            assert self.headers["Filterfleet-Delivery"] == event["id"]
            self.server.took.append(event)
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def receiving(*statuses: int) -> Iterator[Receiving]:
    with Receiving(*statuses) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def ledger(tmp_path, monkeypatch) -> Iterator[Ledger]:
    monkeypatch.setattr(courier_module, "POLL", 0.01)
    monkeypatch.setattr(courier_module, "QUIET", 0.01)
    monkeypatch.setattr(patience_module, "FIRST", 0.01)
    with contextlib.closing(Ledger(tmp_path / "ledger.sqlite3", "/in", RECIPE)) as ledger:
        yield ledger


def end(ledger: Ledger, *done: str, failed: tuple[str, ...] = ()) -> None:
    for path in (*done, *failed):
        ledger.add(path, Version(10, 1), fresh=True)
    for path in done:
        result = Result(b"j" * 40, (OutputFile("o", "png", 3),), {"worker": "lab/1"})
        ledger.done(path, Version(10, 1), result, engine="cluster", write=0.1, turnaround=0.2)
    for path in failed:
        ledger.failed(path, Version(10, 1), "It is broken.", transient=False)
    ledger.commit()


@contextlib.contextmanager
def office(tmp_path: Path, *receivers: Receiver, events: str = ALL) -> Iterator[Office]:
    options = HookOptions(receivers, frozenset(map(Kind, events.split(","))))
    with contextlib.closing(Office(options, Feed(tmp_path / "ledger.sqlite3", "/in", RECIPE))) as office:
        yield office


def deliveries(office: Office) -> dict[tuple[str, str], float]:
    return {(sample.labels["hook"], sample.labels["result"]): sample.value for sample in office.families()[0].samples}


def wait_for_counts(office: Office, **expected: int) -> None:
    """What a receiver has taken is counted once its answer is read."""
    deadline = time.monotonic() + 30
    while any(deliveries(office)["webhook-1", result] != count for result, count in expected.items()):
        assert time.monotonic() < deadline, deliveries(office)
        time.sleep(0.005)


def wait_for(took: list[dict[str, object]], *events: str) -> None:
    deadline = time.monotonic() + 30
    while sorted(str(event["event"]) for event in took) != sorted(events):
        assert time.monotonic() < deadline, took
        time.sleep(0.005)


def test_a_receiver_gets_what_ends_and_goes_on_after_a_restart(tmp_path, ledger):
    end(ledger, "before.jpg")
    with receiving(503, 500, 400) as server:
        with office(tmp_path, server.webhook) as first:
            end(ledger, "a.jpg", "b.jpg", failed=("broken.jpg",))
            wait_for(server.took, "image.done", "image.done", "image.failed", "batch.done")
            assert deliveries(first)["webhook-1", "retried"] == 3
        assert {event.get("path") for event in server.took} == {"a.jpg", "b.jpg", "broken.jpg", None}
        assert (server.took[-1]["done"], server.took[-1]["failed"]) == (2, 1)
        server.took.clear()
        end(ledger, "while-it-was-down.jpg")
        with office(tmp_path, server.webhook, events="image.done") as second:
            second.finish()
            assert [event["path"] for event in server.took] == ["while-it-was-down.jpg"]
            wait_for_counts(second, delivered=1)
        assert server.wrong == 0


def test_an_event_that_is_always_refused_is_dropped_and_counted(tmp_path, ledger):
    with receiving(*[404] * TRIES) as server, office(tmp_path, server.webhook, events="image.done") as hooks:
        end(ledger, "refused.jpg")
        end(ledger, "a.jpg")
        wait_for(server.took, "image.done")
        assert server.took[0]["path"] == "a.jpg"
        wait_for_counts(hooks, delivered=1, dropped=1, retried=TRIES - 1)


def test_one_receiver_that_is_away_holds_no_other_up(tmp_path, ledger, monkeypatch):
    monkeypatch.setattr(patience_module, "FIRST", 30.0)
    with receiving() as server:
        away = Webhook("http://127.0.0.1:9/", None)
        with office(tmp_path, away, server.webhook) as hooks:
            end(ledger, "a.jpg")
            wait_for(server.took, "image.done", "batch.done")
            began = time.monotonic()
        assert time.monotonic() - began < courier_module.GRACE, "a pause ends when the listener does"
        assert deliveries(hooks)["webhook-1", "delivered"] == 0
    assert len(list((tmp_path / HOOKS).iterdir())) == 2


def test_certificates_are_checked_and_no_secret_goes_to_whom_nobody_vouches_for(tmp_path, monkeypatch):
    authority = trustme.CA()
    with Receiving() as server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost").configure_cert(context)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        server.handle_error = lambda *_: None  # a client that hangs up
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            webhook = Webhook(f"https://localhost:{server.server_port}/", SECRET)
            with contextlib.closing(Post(webhook)) as post:
                assert post.tell(event()) == Told(Answer.AWAY, "the certificate is not trusted")
            assert not server.took
            authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
            monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
            with contextlib.closing(Post(webhook)) as post:
                assert post.tell(event()).answer is Answer.TAKEN
            assert len(server.took) == 1
        finally:
            server.shutdown()
            thread.join()


def event(**fields: object) -> HookEvent:
    return HookEvent(Kind.FAILED, "id", {"source": "/in", "path": NOT_UTF8, "reason": "$(touch x)\n", **fields})


def test_a_program_gets_an_event_by_its_environment_and_its_input(tmp_path, monkeypatch):
    monkeypatch.setenv("NOTIFY_SOCKET", "@mine")
    script = tmp_path / "hook.py"
    script.write_text(
        "import json, os, sys\n"
        "ours = [name for name in os.environb if name.startswith(b'FILTERFLEET') or name == b'NOTIFY_SOCKET']\n"
        "told = {name.decode(): os.environb[name].hex() for name in ours}\n"
        "json.dump([sys.argv[1:], told, json.load(sys.stdin)], open(sys.argv[1], 'w'))\n"
    )
    out = tmp_path / "out"
    assert Run(Program((sys.executable, str(script), str(out), "a b"))).tell(event()).answer is Answer.TAKEN
    arguments, environment, told = json.loads(out.read_text())
    assert arguments[1:] == ["a b"]
    assert {name: bytes.fromhex(value) for name, value in environment.items()} == {
        "FILTERFLEET_EVENT": b"image.failed",
        "FILTERFLEET_EVENT_ID": b"id",
        "FILTERFLEET_SOURCE": b"/in",
        "FILTERFLEET_PATH": b"a\xff.jpg",
        "FILTERFLEET_REASON": b"$(touch x)\n",
    }
    assert told["reason"] == "$(touch x)\n"


def test_no_name_or_reason_ends_the_thread_that_tells_it():
    program = Run(Program(("/bin/sh", "-c", 'test "$FILTERFLEET_REASON" = "a\\\\0b"')))
    assert program.tell(event(reason="a\0b")) == Told(Answer.TAKEN)
    assert program.tell(event(path="\ud800")).answer is Answer.REFUSED
    with contextlib.closing(Post(Webhook(f"http://{'x' * 64}.example/", SECRET))) as post:
        assert post.tell(event()).answer is Answer.AWAY


def test_a_program_that_fails_or_hangs_is_said(monkeypatch):
    told = Run(Program(("/bin/sh", "-c", "echo no >&2; exit 3"))).tell(event())
    assert told == Told(Answer.REFUSED, "exit code 3: no")
    monkeypatch.setattr(program_module, "LIMIT", 0.1)
    began = time.monotonic()
    told = Run(Program(("/bin/sh", "-c", "sleep 100 & wait"))).tell(event())
    assert told == Told(Answer.REFUSED, "it ran for more than 0.1 s")
    assert time.monotonic() - began < 50
