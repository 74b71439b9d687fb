"""Hints over HTTP: what notifications say, who may send them, and how many of them count."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import socket
import threading
import time

import pytest

from filterfleet.common import http as server_module
from filterfleet.common.address import Address
from filterfleet.common.errors import FleetError
from filterfleet.common.http import REQUESTS
from filterfleet.common.process.ports import LOOPBACK, free_ports
from filterfleet.listener.core.scan import ROOT
from filterfleet.listener.hints.parse import ANYTHING, MOST, Changed, HintError, Invitation, below, parse
from filterfleet.listener.hints.server import BODY_LIMIT, HintServer
from filterfleet.listener.hints.sieve import Sieve
from filterfleet.listener.settings.hints import parse_hints, read_token

TOKEN = b"correct-horse-battery-staple"
S3 = {"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": "photos"}, "object": {"key": "trip/a+b%2Bc.jpg"}}}
EVENT_BRIDGE = {"detail-type": "Object Created", "detail": {"bucket": {"name": "photos"}, "object": {"key": "a b.jpg"}}}
ENTRY = {"name": "a.jpg", "attributes": {"file_size": 5}}
FILER = {
    "event_type": "create",
    "key": "/buckets/photos/trip/a.jpg",
    "message": {"new_entry": ENTRY, "new_parent_path": "/buckets/photos/trip"},
}


def sns(message: object) -> dict[str, str]:
    return {"Type": "Notification", "Message": json.dumps(message)}


# --- what they say ----


@pytest.mark.parametrize(
    ("said", "changed"),
    [
        ({"path": "trip/a.jpg"}, [Changed("trip/a.jpg")]),
        ({"paths": ["a.jpg", "b.jpg"]}, [Changed("a.jpg"), Changed("b.jpg")]),
        ({"Records": [S3, S3]}, 2 * [Changed("trip/a b+c.jpg", "photos")]),
        (
            {"EventName": "s3:ObjectCreated:Put", "Key": "photos/x", "Records": [S3]},
            [Changed("trip/a b+c.jpg", "photos")],
        ),
        ({"Records": [S3 | {"eventName": "s3:ObjectRemoved:Delete"}]}, []),
        ({"Records": [S3 | {"eventName": "ObjectRemoved:DeleteMarkerCreated"}]}, []),
        (EVENT_BRIDGE, [Changed("a b.jpg", "photos")]),
        (EVENT_BRIDGE | {"detail-type": "Object Deleted"}, []),
        (sns({"Records": [S3]}), [Changed("trip/a b+c.jpg", "photos")]),
        (sns(EVENT_BRIDGE), [Changed("a b.jpg", "photos")]),
        ({"Type": "UnsubscribeConfirmation"}, []),
        ({"Service": "Amazon S3", "Event": "s3:TestEvent"}, []),
        (FILER, [Changed("trip/a.jpg", "photos")]),
        (FILER | {"message": {"old_entry": ENTRY}}, []),
        (FILER | {"message": {"new_entry": ENTRY | {"is_directory": True}, "new_parent_path": "/buckets"}}, []),
        (FILER | {"message": {"new_entry": ENTRY, "new_parent_path": "/home"}}, []),
        ({"paths": ["x.jpg"] * MOST}, [Changed("x.jpg")] * MOST),
        ({"paths": ["x.jpg"] * (MOST + 1)}, [ANYTHING]),
    ],
)
def test_every_known_form_is_understood(said, changed):
    assert parse(json.dumps(said).encode()) == changed


def test_a_channel_of_google_drive_says_that_something_has_changed():
    assert parse(b"", "sync") == []
    assert parse(b"", "change") == [ANYTHING]
    assert parse(b"no JSON", "update") == [ANYTHING]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b"[" * 100_000,
        b"7",
        b"[]",
        b"{}",
        b'{"path": 7}',
        b'{"paths": [["a"]]}',
        b'{"Records": [7]}',
        b'{"Records": [{"eventName": 7}]}',
        b'{"Records": [{"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": "b"}, "object": {}}}]}',
        b'{"detail-type": "Object Created", "detail": []}',
        b'{"event_type": "create", "message": 7}',
        b'{"event_type": "create", "message": {"new_entry": []}}',
        b'{"Type": "Notification", "Message": "x"}',
        json.dumps(sns(sns({"path": "a.jpg"}))).encode(),
        json.dumps({"Type": "SubscriptionConfirmation"}).encode(),
    ],
)
def test_anything_else_is_refused(body):
    with pytest.raises(HintError):
        parse(body)


@pytest.mark.parametrize(
    ("url", "good"),
    [
        ("https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=abc", True),
        ("https://sns.cn-north-1.amazonaws.com.cn/?Token=abc", True),
        ("http://sns.eu-west-1.amazonaws.com/?Token=abc", False),
        ("https://sns.eu-west-1.amazonaws.com.evil.example/", False),
        ("https://evil.example/sns.eu-west-1.amazonaws.com", False),
        ("https://sns.eu-west-1.amazonaws.com@evil.example/", False),
        ("http://169.254.169.254/latest/meta-data", False),
        ("https://[", False),
    ],
)
def test_a_subscription_is_only_shown_and_only_if_it_is_one_of_sns(url, good):
    body = json.dumps({"Type": "SubscriptionConfirmation", "SubscribeURL": url}).encode()
    if good:
        assert parse(body) == Invitation(url)
    else:
        with pytest.raises(HintError):
            parse(body)


@pytest.mark.parametrize(
    ("changed", "place", "path"),
    [
        (Changed("trip/a.jpg"), "photos/2026", "trip/a.jpg"),
        (Changed("2026/trip/a.jpg", "photos"), "photos/2026", "trip/a.jpg"),
        (Changed("trip/a.jpg", "photos"), "photos", "trip/a.jpg"),
        (Changed("trip/a.jpg", "photos"), "", "photos/trip/a.jpg"),
        (Changed("trip/a.jpg", "others"), "photos", None),
        (Changed("2025/a.jpg", "photos"), "photos/2026", None),
        (Changed("20260/a.jpg", "photos"), "photos/2026", None),
        (Changed("/data/in/trip/a.jpg"), "/data/in", "trip/a.jpg"),
        (Changed("/data/elsewhere/a.jpg"), "/data/in", None),
        (Changed("../a.jpg"), "photos", None),
        (Changed("/data/in/../a.jpg"), "/data/in", None),
        (Changed("a//b.jpg"), "photos", None),
        (Changed("a\0.jpg"), "photos", None),
        (Changed("x" * 5000), "photos", None),
        (Changed("", "photos"), "photos", None),
        (ANYTHING, "photos", ""),
        (Changed("trip/a.jpg"), None, ""),
    ],
)
def test_a_path_is_found_below_the_source(changed, place, path):
    assert below(changed, place) == path


def test_a_flood_of_hints_becomes_one_scan():
    sieve = Sieve(3, 10.0)
    assert sieve.admit(["a", "b", "a"], 0.0) == ["a", "b"]
    assert sieve.admit(["b", "c", "d", "e"], 1.0) == ["c", ROOT]
    assert sieve.admit(["f", ""], 9.9) == []
    assert sieve.admit(["a", ""], 10.0) == ["a", ROOT]


# --- who may send them ----


@contextlib.contextmanager
def serving(token: bytes | None, place: str | None = "photos"):
    address = Address(LOOPBACK, free_ports()[0])
    with contextlib.closing(HintServer(address, token, place)) as server:
        server.heard = []
        server.serve(server.heard.append)
        server.port = address.port
        yield server


def post(server, body=b'{"path": "a.jpg"}', target="/", method="POST", **headers):
    """The status of the answer."""
    with contextlib.closing(http.client.HTTPConnection(LOOPBACK, server.port, timeout=10)) as connection:
        connection.request(method, target, body, {name.replace("_", "-"): value for name, value in headers.items()})
        return connection.getresponse().status


def basic(password: str) -> str:
    return "Basic " + base64.b64encode(f"user:{password}".encode()).decode()


@pytest.fixture(scope="module")
def guarded():
    with serving(TOKEN) as server:
        yield server


@pytest.mark.parametrize(
    ("headers", "target"),
    [
        ({"Authorization": f"Bearer {TOKEN.decode()}"}, "/"),
        ({"Authorization": basic(TOKEN.decode())}, "/any/path"),
        ({"X_Goog_Channel_Token": TOKEN.decode()}, "/"),
        ({"X_Api_Key": TOKEN.decode()}, "/"),
        ({}, f"/?token={TOKEN.decode()}"),
        ({"Origin": "https://example.org", "Host": "example.org", "X_Api_Key": TOKEN.decode()}, "/"),
    ],
)
def test_a_hint_with_the_token_is_taken(guarded, headers, target):
    guarded.heard.clear()
    guarded._sieve = Sieve()
    assert post(guarded, target=target, **headers) == 204
    assert guarded.heard == ["a.jpg"]


@pytest.mark.parametrize(
    ("headers", "target"),
    [
        ({}, "/"),
        ({}, "/?token="),
        ({}, "/?token=wrong"),
        ({}, "/?" + "&".join(["x=1"] * 100)),
        ({"Authorization": "Bearer "}, "/"),
        ({"Authorization": f"Bearer {TOKEN.decode()}x"}, "/"),
        ({"Authorization": "Basic !"}, "/"),
        ({"Authorization": basic("wrong")}, "/"),
        ({"X_Goog_Channel_Token": "\xff"}, "/"),
    ],
)
def test_a_hint_without_the_token_is_refused(guarded, headers, target):
    guarded.heard.clear()
    assert post(guarded, target=target, **headers) == 401
    assert guarded.heard == []


def test_without_a_token_no_browser_may_send_hints():
    with serving(None) as server:
        assert post(server) == 204
        assert post(server, Origin="https://example.org") == 403
        assert post(server, Host="example.org") == 403
        assert post(server, Host="127.0.0.1.example.org:80") == 403
        assert server.heard == ["a.jpg"]


def test_what_is_no_notification_is_refused(guarded):
    key = {"X_Api_Key": TOKEN.decode()}
    assert post(guarded, b"no JSON", **key) == 400
    assert post(guarded, b"x", Content_Length=str(BODY_LIMIT + 1), **key) == 413
    assert post(guarded, b"x", Content_Length="-1", **key) == 411
    assert post(guarded, b"x", Content_Length="9" * 1000, **key) == 413
    assert post(guarded, b"1\r\nx\r\n0\r\n\r\n", Transfer_Encoding="chunked", **key) == 411
    assert post(guarded, b"", method="GET", **key) == 501


def test_drive_is_heard_although_it_says_nothing(guarded):
    guarded.heard.clear()
    guarded._sieve = Sieve()
    key = {"X_Goog_Channel_Token": TOKEN.decode()}
    assert post(guarded, b"", X_Goog_Resource_State="change", **key) == 204
    assert guarded.heard == [ROOT]


def test_objects_of_other_buckets_are_nobodys_business(guarded):
    guarded.heard.clear()
    assert (
        post(
            guarded,
            json.dumps({"Records": [S3 | {"s3": {"bucket": {"name": "x"}, "object": {"key": "y"}}}]}).encode(),
            X_Api_Key=TOKEN.decode(),
        )
        == 204
    )
    assert guarded.heard == []


@pytest.mark.slow
def test_connections_that_say_nothing_are_few_and_end(monkeypatch):
    monkeypatch.setattr(server_module, "PATIENCE", 1.0)
    with serving(None) as server, contextlib.ExitStack() as connections:
        silent = [
            connections.enter_context(socket.create_connection((LOOPBACK, server.port), 10))
            for _ in range(REQUESTS + 4)
        ]
        ended = [connection for connection in silent[REQUESTS:] if connection.recv(1) == b""]
        assert len(ended) == 4, "there are too many"
        for connection in silent[:REQUESTS]:
            connection.sendall(b"POST / HTTP/1.1\r\nX: ")
        assert silent[0].recv(1) == b"", "it takes too long"
        deadline = time.monotonic() + 10
        while server._server._open and time.monotonic() < deadline:
            threading.Event().wait(0.05)
        assert post(server) == 204


# --- settings ----


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:8900", Address("127.0.0.1", 8900)),
        ("localhost:8900", Address("localhost", 8900)),
        ("[::1]:8900", Address("::1", 8900)),
    ],
)
def test_an_address_of_this_machine_needs_no_token(text, address):
    assert parse_hints(text, None) == address
    assert str(parse_hints(text, None)) == text


@pytest.mark.parametrize(
    "text", ["", "8900", ":8900", "localhost", "localhost:", "localhost:0", "localhost:70000", "a:b"]
)
def test_anything_else_is_no_address(text):
    with pytest.raises(FleetError, match="is no HOST:PORT for --hints"):
        parse_hints(text, None)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "example.org", "[::]"])
def test_other_addresses_need_a_token(host, tmp_path):
    with pytest.raises(FleetError, match="name a file with a token"):
        parse_hints(f"{host}:8900", None)
    assert parse_hints(f"{host}:8900", tmp_path / "token").port == 8900


def test_a_token_is_in_a_file_of_ones_own(tmp_path):
    file = tmp_path / "token"
    with pytest.raises(FleetError, match="cannot be read: No such file"):
        read_token(file)
    file.write_bytes(TOKEN + b"\n")
    file.chmod(0o644)
    with pytest.raises(FleetError, match="token"):
        read_token(file)
    file.chmod(0o600)
    assert read_token(file) == TOKEN
    file.write_bytes(b"short")
    with pytest.raises(FleetError, match="has no token of at least 16 characters"):
        read_token(file)


def test_a_port_in_use_is_one_sentence():
    with (
        serving(None) as server,
        pytest.raises(FleetError, match=r"Hints cannot be taken at .*: Address already in use\."),
    ):
        HintServer(Address(LOOPBACK, server.port), None, "photos")
