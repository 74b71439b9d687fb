"""A broker, a worker or a client of another major version is named on both sides, and nobody says that none answers."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import msgspec
import pytest
import zmq

from filterfleet.common.process.ports import free_ports
from filterfleet.doctor.brokers import check_brokers
from tests.integration.harness import LOOPBACK, Fleet, Processes, wait_until
from tests.integration.ppp_peers import connected

PPX2 = [b"", b"PPX2", b"a map that only version 2 understands"]
NOTICE = [b"", b"PPX", msgspec.msgpack.encode({"speaks": 2, "later": "a key of version 2"})]


@pytest.fixture(params=["answers in its own version", "sends a notice"])
def broker_of_tomorrow(request) -> Iterator[int]:
    """The port of a broker that speaks PPX2 only."""
    answer = PPX2 if request.param == "answers in its own version" else NOTICE
    with zmq.Context() as context, context.socket(zmq.ROUTER) as router:
        router.linger = 0
        port = router.bind_to_random_port(f"tcp://{LOOPBACK}")
        over = threading.Event()

        def serve() -> None:
            while not over.is_set():
                if router.poll(20):
                    peer, *_ = router.recv_multipart()
                    router.send_multipart([peer, *answer])

        thread = threading.Thread(target=serve)
        thread.start()
        yield port
        over.set()
        thread.join()


def test_ours_at_a_broker_of_tomorrow(broker_of_tomorrow, processes: Processes, tmp_path):
    port = broker_of_tomorrow
    speaks = f"he broker at {LOOPBACK}:{port} speaks PPX2, this {{}} PPX1: upgrade this {{}}"
    worker = processes.start("worker", "--backend-port", port, "--threads", 1)
    asked = processes.run("status", "--frontend-port", port)
    photograph = tmp_path / "any.jpg"
    photograph.write_bytes(b"never looked at")
    submitted = processes.run("submit", photograph, "--output", tmp_path / "out", "--frontend-port", port)
    for (code, said), role in ((asked, "command"), (submitted, "client")):
        assert code != 0
        assert speaks.format(role, role) in " ".join(said.split())
        assert "answers" not in said
    wait_until(lambda: speaks.format("worker", "worker") in worker.said, what="a line of the worker")


def test_the_doctor_sends_nobody_to_end_a_broker_that_answers_in_its_own_way(broker_of_tomorrow):
    (finding,) = check_brokers(LOOPBACK, broker_of_tomorrow, free_ports().backend, None, expected=True)
    assert "speaks PPX2" in finding.says


def test_peers_of_tomorrow_at_our_broker(fleet: Fleet):
    broker = fleet.start_broker()
    for port, role in ((fleet.backend, "worker"), (fleet.frontend, "client")):
        with connected(zmq.DEALER, port, b"fx2|" + role.encode()) as peer:
            peer.send_multipart(PPX2)
            empty, name, notice = peer.recv_multipart()
            assert (empty, name, msgspec.msgpack.decode(notice)["speaks"]) == (b"", b"PPX", 1)
        sentence = f"the {role} at {LOOPBACK} speaks PPX2, this broker PPX1: upgrade this broker"
        wait_until(lambda: sentence in broker.said, what="a line of the broker")  # noqa: B023 - it is called at once
        assert sentence in fleet.status()["versions"]
    assert fleet.status()["workers"] == []
