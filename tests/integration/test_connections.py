"""Routing ids and oversized frames at real sockets, without keys."""

from __future__ import annotations

import re

import pytest
import zmq

from filterfleet.common.client.client import Client
from filterfleet.common.wire import READY, Accepted, encode
from filterfleet.common.wire.messages import FRAME_LIMIT
from tests.integration import keyed_peers as peers
from tests.integration.harness import LOOPBACK, Fleet, Processes, wait_until
from tests.integration.ppp_peers import Queue


@pytest.mark.slow
def test_automatic_routing_ids_differ_between_brokers(fleet: Fleet, processes: Processes):
    """Unless rand() is seeded, libzmq's routing ids begin with 006b8b4567 in every process."""
    seen = set()
    for started in (fleet, Fleet(processes)):
        broker = started.start_broker()
        with peers.connected(started.backend, peers.nothing) as worker:
            worker.send(READY)
            seen.add(wait_until(lambda: re.search(r"worker_registered.*worker=(\w+)", broker.said)).group(1))  # noqa: B023
    assert len(seen) == 2
    assert "006b8b4567" not in seen


def test_an_oversized_frame_costs_a_broker_the_connection(fleet: Fleet):
    """The client comes back on a new connection."""
    with Queue(fleet.frontend) as queue, Client(LOOPBACK, fleet.frontend):
        first, _ = queue.receive(5)
        queue.send(first, b"", b"PPX1", bytes(FRAME_LIMIT + 1))

        def gone() -> bool:
            try:
                queue.send(first, *encode([Accepted(b"x")]))
            except zmq.ZMQError:
                return True
            return False

        wait_until(gone, 10, "the end of the connection")
        assert queue.until(lambda message: message[0] != first, patience=20)
