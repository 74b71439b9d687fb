"""Random, truncated and altered frames at both ports: the broker counts and survives them, and then does a real job."""

from __future__ import annotations

import contextlib
import random

import pytest
import zmq

from filterfleet.common.errors import ProtocolError
from filterfleet.common.wire import TAG, parse
from tests.integration.harness import Fleet, check_outputs, wait_until
from tests.integration.hostile_frames import hostile_messages, identities
from tests.integration.ppp_peers import connected

PEERS = 10  # at each port


def send_hostile_messages(fleet: Fleet, seed: int, count: int) -> int:
    """Sends them over both ports. Returns the number of malformed ones, when the broker has counted as many."""
    rng = random.Random(seed)
    wrong = 0
    with contextlib.ExitStack() as stack:
        sockets = [
            stack.enter_context(connected(zmq.DEALER, port, identity))
            for port in (fleet.frontend, fleet.backend)
            for identity in identities(PEERS)
        ]
        for socket in sockets:
            socket.sndhwm = 0
        for frames in hostile_messages(rng, count):
            socket = rng.choice(sockets)
            socket.send_multipart(frames)
            try:
                parse(frames, extended=socket.routing_id.startswith(TAG))
            except ProtocolError:
                wrong += 1
        # Wait before closing: TCP resets a connection that closes with unread answers, and the broker loses the rest.
        wait_until(lambda: fleet.status()["counters"].get("malformed", 0) >= wrong, what=f"{wrong} counted")
    return wrong


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 8))
def test_ten_thousand_hostile_messages(fleet: Fleet, photographs, expected, tmp_path, seed):
    broker = fleet.start_broker()
    fleet.start_worker()
    fleet.wait_for_workers(1)

    wrong = send_hostile_messages(fleet, seed, 10_000)

    assert wrong > 2_000
    source, output = photographs(12, 200, 400), tmp_path / "out"
    listener = fleet.start_listener(source, output, "--once", "--settle", 0)
    assert listener.wait(60) == 0, listener.said
    check_outputs(output, expected(source))
    assert broker.alive
    assert "Traceback" not in broker.said


def test_a_frame_larger_than_any_message_costs_its_sender_the_connection_and_nobody_else(fleet: Fleet):
    fleet.start_broker()
    with connected(zmq.DEALER, fleet.frontend, b"huge") as peer:
        peer.send_multipart([b"", bytes(32 << 20)])
        assert fleet.status()["counters"].get("submitted", 0) == 0


@pytest.mark.slow
def test_our_worker_survives_hostile_messages_from_a_queue(fleet: Fleet):
    with contextlib.ExitStack() as stack:
        context = stack.enter_context(zmq.Context())
        queue = stack.enter_context(context.socket(zmq.ROUTER))
        queue.linger = 0
        queue.bind(f"tcp://127.0.0.1:{fleet.backend}")
        daemon = fleet.start_worker()
        assert queue.poll(15_000)
        worker, _ready = queue.recv_multipart()
        pids = [process.pid for process in daemon.worker_processes()]
        for frames in hostile_messages(random.Random(5), 2_000):
            queue.send_multipart([worker, *frames])

        def last_is_answered() -> bool:
            """Asks again each time, as the RFC's clients do: a worker that has many requests drops further ones."""
            queue.send_multipart([worker, b"last", b"", b"no image"])
            return queue.poll(1000) > 0 and queue.recv_multipart()[1:3] == [b"last", b""]

        wait_until(last_is_answered, patience=30, what="the answer to the last request")
        assert [process.pid for process in daemon.worker_processes()] == pids
        assert "Traceback" not in daemon.said
