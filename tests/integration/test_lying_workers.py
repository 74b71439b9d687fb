"""Workers that lie: their messages reach only the clients they are meant for, and break nothing."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zmq

from filterfleet.common.jobs.job import Job
from filterfleet.common.jobs.recipe import DEFAULT
from filterfleet.common.wire import Credit, Hello, Message, OutputFile, Result, Task, encode, new_identity, parse
from filterfleet.worker.pipeline import process
from tests.integration.harness import Daemon, Fleet, check_ledger, check_outputs, wait_until
from tests.integration.ppp_peers import READY, connected, receive_other_than_heartbeat

NEEDS = tuple(sorted(DEFAULT.filters))


class OwnPeer:
    """A socket with our tag, which sends the messages that a test wants."""

    def __init__(self, socket: zmq.Socket[bytes]) -> None:
        self.socket = socket

    def send(self, *messages: Message) -> None:
        self.socket.send_multipart(encode(messages), copy=False)

    def next(self, kind: type, patience: float = 10.0) -> Message:
        """The next message of one kind. Others are skipped."""
        deadline = time.monotonic() + patience
        while (frames := receive_other_than_heartbeat(self.socket, deadline - time.monotonic())) is not None:
            for message in parse(frames, extended=True):
                if isinstance(message, kind):
                    return message
        raise AssertionError(f"no {kind.__name__}")


@contextlib.contextmanager
def own_worker(fleet: Fleet, slots: int = 1) -> Iterator[OwnPeer]:
    """Registers a worker. It sends no heartbeats: after four intervals of silence the broker takes it for dead."""
    with connected(zmq.DEALER, fleet.backend, new_identity(random.SystemRandom())) as socket:
        peer = OwnPeer(socket)
        socket.send(READY)
        peer.next(Hello)
        peer.send(Credit(slots, slots, NEEDS, "liar", "0"))
        yield peer


def listener_whose_task_waits(fleet: Fleet, source: Path, output: Path) -> Daemon:
    """Started before the worker, which could die while the listener starts on a busy machine."""
    listener = fleet.start_listener(source, output, "--once", "--settle", 0)
    wait_until(lambda: fleet.status()["waiting"] == 1 or not listener.alive, what="a task that waits")
    return listener


def test_a_basic_worker_cannot_forge_a_reply(fleet: Fleet):
    """It tries a client's identity, unknown tokens, and another worker's token."""
    fleet.start_broker()
    with contextlib.ExitStack() as stack:
        victim = stack.enter_context(connected(zmq.REQ, fleet.frontend, b"victim"))
        honest = stack.enter_context(connected(zmq.DEALER, fleet.backend, b"honest"))
        honest.send(READY)
        victim.send(b"question")
        request = receive_other_than_heartbeat(honest, 10)
        assert request is not None
        token = request[0]
        assert token != b"victim"

        liar = stack.enter_context(connected(zmq.DEALER, fleet.backend, b"liar"))
        liar.send(READY)
        for address in (b"victim", b"\0" * 16, b"x", token):
            liar.send_multipart([address, b"", b"forged"])
        liar.send_multipart([b"a", token, b"", b"forged"])
        wait_until(lambda: fleet.status()["counters"].get("stale_reply", 0) == 5, what="five dropped replies")
        assert not victim.poll(0)

        honest.send_multipart([token, b"", b"answer"])
        assert victim.poll(5000)
        assert victim.recv() == b"answer"

        honest.send_multipart([token, b"", b"once more"])
        wait_until(lambda: fleet.status()["counters"]["stale_reply"] == 6, what="the stale reply")


def test_a_worker_of_ours_cannot_bring_a_result_for_another_one(fleet: Fleet, photographs):
    photograph = min(photographs(200, 200, 500).glob("*.jpg"))
    fleet.start_broker()
    forged = Result(
        b"", tuple(OutputFile(name, "png", 6) for name in ("grayscale", "blur", "edges")), {}, (b"forged",) * 3
    )
    with own_worker(fleet) as honest, fleet.client() as client:
        data = photograph.read_bytes()
        future = client.submit(Job(b"job", DEFAULT.to_bytes(), NEEDS, len(data), (data,)))
        task = honest.next(Task)
        with own_worker(fleet, slots=0) as liar:
            for token in (task.id, b"\0" * 16, b"job"):
                liar.send(Result(token, forged.outputs, {}, forged.payload))
            wait_until(lambda: client.status().result(5)["counters"].get("stale_result", 0) == 3, what="three drops")
        assert not future.done()

        done = process(data, DEFAULT)
        honest.send(Result(task.id, done.outputs, done.report, done.blobs))
        result = future.result(10)
    assert isinstance(result, Result)
    assert [bytes(blob) for blob in result.payload] == list(done.blobs)


ODD_REPORTS: list[dict[str, Any]] = [
    {"width": 1 << 63, "height": -(1 << 63), "decode": float("nan"), "filter": float("inf"), "encode": True},
    {"worker": "x" * 4000, "width": "wide"},
    {"worker": {"a": [1]}, "width": [1], "height": None},
    {"worker": "nul \0 and \x1b[31m red", "decode": b"bytes"},
]


FIRST, *OTHERS = ODD_REPORTS


@pytest.mark.parametrize("report", [FIRST, *(pytest.param(report, marks=pytest.mark.slow) for report in OTHERS)])
def test_an_odd_report_does_no_harm_to_the_listener(fleet: Fleet, photographs, expected, tmp_path, report):
    source, output = photographs(1, 300, 400), tmp_path / "out"
    fleet.start_broker()
    listener = listener_whose_task_waits(fleet, source, output)
    with own_worker(fleet) as liar:
        task = liar.next(Task)
        done = process(task.payload[0], DEFAULT)
        liar.send(Result(task.id, done.outputs, report, done.blobs))
        assert listener.wait(20) == 0, listener.said
    check_outputs(output, expected(source))
    check_ledger(output, 1)


@pytest.mark.parametrize(
    "names",
    [
        ("grayscale", "blur", "../../escape"),
        pytest.param(("grayscale", "blur"), marks=pytest.mark.slow),
        pytest.param(("grayscale", "edges", "blur"), marks=pytest.mark.slow),
        pytest.param(("/etc/x", "blur", "edges"), marks=pytest.mark.slow),
    ],
)
def test_outputs_that_the_recipe_does_not_ask_for_are_never_written(fleet: Fleet, photographs, tmp_path, names):
    source, output = photographs(1, 300, 400), tmp_path / "deep" / "out"
    fleet.start_broker()
    listener = listener_whose_task_waits(fleet, source, output)
    with own_worker(fleet) as liar:
        task = liar.next(Task)
        liar.send(Result(task.id, tuple(OutputFile(name, "png", 3) for name in names), {}, (b"bad",) * len(names)))
        assert listener.wait(20) == 1, listener.said
    assert "The worker's outputs are not those of the recipe." in listener.said
    check_outputs(output, {})
    assert not list(tmp_path.rglob("*escape*"))
