"""Clients and workers that speak only RFC 6/PPP at our broker, beside our own peers."""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path

import msgpack
import pytest
import zmq

from filterfleet.common.client.client import Client
from filterfleet.common.jobs.job import Job, job_id
from filterfleet.common.jobs.recipe import DEFAULT
from filterfleet.common.wire import Result
from filterfleet.worker.pipeline import process
from tests.integration.harness import Fleet, wait_until
from tests.integration.ppp_peers import (
    HEARTBEAT,
    READY,
    EchoWorker,
    LazyPirate,
    ask,
    connected,
    receive_other_than_heartbeat,
)

NEEDS = tuple(sorted(DEFAULT.filters))


def submit(client: Client, file: Path, salt: bytes = b"") -> Result:
    """Submits a photograph and returns its result. The salt makes it a different job."""
    data = file.read_bytes()
    name = job_id(hashlib.sha256(data + salt).digest(), DEFAULT)
    outcome = client.submit(Job(name, DEFAULT.to_bytes(), NEEDS, len(data), (data,))).result(20)
    assert isinstance(outcome, Result), outcome
    client.acknowledge(name)
    return outcome


def check_photograph(result: Result, file: Path) -> None:
    assert [bytes(blob) for blob in result.payload] == list(process(file.read_bytes(), DEFAULT).blobs)


@pytest.fixture
def photograph(photographs) -> Path:
    return min(photographs(200, 200, 500).glob("*.jpg"))


def test_a_basic_client_is_echoed_by_a_basic_worker_beside_our_own_peers(fleet: Fleet, photograph):
    fleet.start_broker()
    fleet.start_worker()
    fleet.wait_for_workers(1)
    with EchoWorker(fleet.backend) as echo, fleet.client() as client:
        wait_until(lambda: len(client.status().result(5)["workers"]) == 2, what="both workers")
        for number in range(20):
            assert ask(fleet.frontend, b"body %d" % number) == [b"body %d" % number]
            check_photograph(submit(client, photograph, salt=bytes([number])), photograph)
        counters = client.status().result(5)["counters"]

    assert len(echo.requests) == 20
    assert echo.invalid == []
    assert "malformed" not in counters
    assert counters["results"] == 20


def test_a_lazy_pirate_gets_its_numbers_back(fleet: Fleet):
    fleet.start_broker()
    with EchoWorker(fleet.backend):
        client = LazyPirate(fleet.frontend)
        assert all(client.ask() for _ in range(10))
        assert client.wrong == []


@pytest.mark.slow
def test_a_basic_worker_may_be_silent_while_it_works(fleet: Fleet):
    """It is silent for longer than four heartbeats take."""
    fleet.start_broker()
    with EchoWorker(fleet.backend, work=5.0) as echo:
        assert ask(fleet.frontend, b"slow", patience=15) == [b"slow"]
        assert fleet.status()["counters"].get("workers_lost", 0) == 0
    assert len(echo.requests) == 1
    assert len(echo.identities) == 1


def test_a_basic_worker_that_comes_back_under_a_new_identity_is_used_again(fleet: Fleet):
    fleet.start_broker()
    for identity in (b"first", b"second"):
        with connected(zmq.DEALER, fleet.backend, identity) as worker:
            worker.send(READY)
            assert worker.poll(5000), "a heartbeat"
            with connected(zmq.REQ, fleet.frontend) as client:
                client.send(b"for " + identity)
                request = receive_other_than_heartbeat(worker, 10)
                assert request is not None
                assert request[1:] == [b"", b"for " + identity]
                worker.send_multipart(request)
                assert client.poll(5000)
                assert client.recv() == b"for " + identity


def test_a_heartbeat_is_never_a_second_credit(fleet: Fleet):
    """The zguide's queue would send further requests to a worker that sends heartbeats while it works."""
    fleet.start_broker()
    with contextlib.ExitStack() as stack:
        worker = stack.enter_context(connected(zmq.DEALER, fleet.backend, b"eager"))
        worker.send(READY)
        clients = [stack.enter_context(connected(zmq.REQ, fleet.frontend)) for _ in range(3)]
        for number, client in enumerate(clients):
            client.send(b"%d" % number)
        request = receive_other_than_heartbeat(worker, 10)
        assert request is not None
        for _ in range(20):
            worker.send(HEARTBEAT)
        assert receive_other_than_heartbeat(worker, 1.5) is None

        worker.send_multipart(request)
        following = receive_other_than_heartbeat(worker, 10)
        assert following is not None
        assert following[2] != request[2]


def test_basic_peers_find_a_restarted_broker_again(fleet: Fleet):
    broker = fleet.start_broker()
    with EchoWorker(fleet.backend):
        assert LazyPirate(fleet.frontend).ask()
        broker.kill()
        fleet.start_broker()
        client = LazyPirate(fleet.frontend)
        assert client.ask()
        assert client.wrong == []


@pytest.mark.slow
def test_basic_peers_find_a_broker_again_that_was_away_for_long(fleet: Fleet):
    broker = fleet.start_broker()
    with EchoWorker(fleet.backend) as echo:
        assert LazyPirate(fleet.frontend).ask()
        broker.kill()
        wait_until(lambda: len(echo.identities) > 1, what="a worker that has given the broker up")
        fleet.start_broker()
        assert LazyPirate(fleet.frontend, tries=10).ask()
    assert len(set(echo.identities)) == len(echo.identities)


def test_a_basic_client_is_answered_by_our_worker_when_there_is_no_basic_one(fleet: Fleet, photograph):
    fleet.start_broker()
    fleet.start_worker()
    fleet.wait_for_workers(1)

    reply = ask(fleet.frontend, photograph.read_bytes())
    assert reply is not None
    assert len(reply) == 1
    done = process(photograph.read_bytes(), DEFAULT)
    assert msgpack.unpackb(reply[0]) == {o.name: b for o, b in zip(done.outputs, done.blobs, strict=True)}

    reply = ask(fleet.frontend, b"this is no image")
    assert reply is not None
    assert msgpack.unpackb(reply[0]) == {"error": "The file is not an image of a known format."}


def test_an_answer_that_is_too_big_for_a_basic_client_is_an_error_it_can_read(fleet: Fleet, swelling_jpeg):
    """The image fits into one message; its outputs do not."""
    fleet.start_broker()
    fleet.start_worker()
    fleet.wait_for_workers(1)
    reply = ask(fleet.frontend, swelling_jpeg, patience=15)
    assert reply is not None
    assert "too large" in msgpack.unpackb(reply[0])["error"]


def test_requests_of_basic_clients_that_were_killed_are_dropped(fleet: Fleet):
    """Some with a routing id of libzmq's making, some with their own."""
    fleet.start_broker()
    with contextlib.ExitStack() as connections:
        for n in range(6):
            identity = b"mine-%d" % n if n % 2 else b""
            client = connections.enter_context(connected(zmq.REQ, fleet.frontend, identity))
            client.send(b"question %d" % n)
        wait_until(lambda: fleet.status()["waiting"] == 6, what="six requests")
    wait_until(lambda: fleet.status()["waiting"] == 0, patience=10.0, what="none of those that are gone")
