"""Asking brokers how they are: who is there, who is not, and why."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest
import zmq

from filterfleet.common.client import asking
from filterfleet.common.client.asking import ask
from filterfleet.common.wire import Status, encode


@pytest.fixture
def broker() -> Iterator[int]:
    """The port at 127.0.0.1 of somebody who answers one question as a broker does."""
    with zmq.Context() as context, context.socket(zmq.ROUTER) as router:
        router.linger, router.rcvtimeo = 0, 10_000
        port = router.bind_to_random_port("tcp://127.0.0.1")

        def answer() -> None:
            router.send_multipart([router.recv_multipart()[0], *encode([Status({"workers": []})])])

        thread = threading.Thread(target=answer)
        thread.start()
        yield port
        thread.join()


def test_an_answer_has_its_instant_though_another_broker_is_waited_for(broker: int, monkeypatch: pytest.MonkeyPatch):
    """Otherwise the clock of the first would seem to be behind."""
    monkeypatch.setattr(asking, "PATIENCE", 0.5)
    with socket.create_server(("127.0.0.2", broker)):
        there, silent = ask("127.0.0.1,127.0.0.2", broker, 1)
    assert there.report == {"workers": []}
    assert time.time() - there.heard_at > 0.4
    assert silent.problem.startswith(f"No broker answers at 127.0.0.2:{broker} within ")
    assert "start one there" in silent.problem


def test_a_machine_that_cannot_be_reached_is_not_one_where_nothing_listens(monkeypatch: pytest.MonkeyPatch):
    """Here: one to which no packets may go."""
    monkeypatch.setattr(asking, "REACH", 0.5)
    (answer,) = ask("255.255.255.255", 1, 1)
    assert answer.silent
    assert "No broker answers at 255.255.255.255:1 because no connection can be made: look at" in answer.problem
    (answer,) = ask("127.0.0.1", 1, 1)
    assert "because nothing listens there: start one there" in answer.problem
