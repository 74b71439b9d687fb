"""Workers that lie: their messages reach only the clients they are meant for, and break nothing."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import pytest
import zmq

from filterfleet.common.jobs.job import Job
from filterfleet.common.jobs.recipe import DEFAULT
from filterfleet.common.wire import (
    Beat,
    Credit,
    Get,
    Hello,
    Message,
    OutputFile,
    Result,
    ResultOk,
    Submit,
    Task,
    encode,
    new_identity,
    parse,
)
from filterfleet.common.wire.messages import INLINE_LIMIT
from filterfleet.worker.pipeline import process
from tests.integration.harness import Daemon, Fleet, check_ledger, check_outputs, wait_until
from tests.integration.ppp_peers import READY, connected, receive_other_than_heartbeat

NEEDS = tuple(sorted(DEFAULT.filters))


class OwnPeer:
    """A socket with our tag, which sends the messages that a test wants."""

    session = b""

    def __init__(self, socket: zmq.Socket[bytes]) -> None:
        self.socket = socket

    def send(self, *messages: Message) -> None:
        self.socket.send_multipart(encode(messages), copy=False)

    def next(self, kind: type, patience: float = 10.0) -> Message:
        """The next message of one kind. Others are skipped."""
        if (message := self.heard(kind, patience)) is None:
            raise AssertionError(f"no {kind.__name__}")
        return message

    def heard(self, kind: type, patience: float = 0.3) -> Message | None:
        """The same, or None when there is none in time."""
        deadline = time.monotonic() + patience
        while (frames := self.receive(deadline - time.monotonic())) is not None:
            for message in parse(frames, extended=True):
                if isinstance(message, kind):
                    return message
        return None

    def receive(self, patience: float) -> list[bytes] | None:
        return receive_other_than_heartbeat(self.socket, patience)


class Broker(OwnPeer):
    """A false broker with one client."""

    def __init__(self, port: int) -> None:
        self._context = zmq.Context()
        super().__init__(self._context.socket(zmq.ROUTER))
        self.socket.bind(f"tcp://127.0.0.1:{port}")

    def __enter__(self) -> Self:
        self._client, *_ = self.socket.recv_multipart()
        self.send(Hello(b"life", b"session", 1.0, 4, INLINE_LIMIT))
        return self

    def __exit__(self, *_: object) -> None:
        self._context.destroy(linger=1000)

    def send(self, *messages: Message) -> None:
        self.socket.send_multipart([self._client, *encode(messages)])

    def receive(self, patience: float) -> list[bytes] | None:
        frames = receive_other_than_heartbeat(self.socket, patience)
        return None if frames is None else frames[1:]


@contextlib.contextmanager
def own_worker(fleet: Fleet, slots: int = 1, host: str = "liar", version: str = "0") -> Iterator[OwnPeer]:
    """Registers a worker. It sends no heartbeats: after four intervals of silence the broker takes it for dead."""
    with connected(zmq.DEALER, fleet.backend, new_identity(random.SystemRandom())) as socket:
        peer = OwnPeer(socket)
        socket.send(READY)
        peer.session = peer.next(Hello).session
        peer.send(Credit(slots, slots, NEEDS, host, version))
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
def test_outputs_that_the_recipe_does_not_ask_for_are_never_written(
    fleet: Fleet, photographs, expected, tmp_path, names
):
    source, output = photographs(1, 300, 400), tmp_path / "deep" / "out"
    fleet.start_broker()
    listener = listener_whose_task_waits(fleet, source, output)
    with own_worker(fleet) as liar:
        task = liar.next(Task)
        liar.send(Result(task.id, tuple(OutputFile(name, "png", 3) for name in names), {}, (b"bad",) * len(names)))
        liar.next(ResultOk)
        assert fleet.status()["counters"]["result_refused"] == 1
        fleet.start_worker()
        assert listener.wait(20) == 0, listener.said
    check_outputs(output, expected(source))
    assert not list(tmp_path.rglob("*escape*"))


GIB = 1 << 30
TOO_MANY = tuple(OutputFile(f"o{number}", "png", 4 * GIB) for number in range(64))
TOO_LARGE = tuple(OutputFile(name, "png", 2 * GIB) for name in ("grayscale", "blur", "edges"))


@pytest.mark.parametrize("outputs", [TOO_LARGE, pytest.param(TOO_MANY, marks=pytest.mark.slow)])
def test_outputs_that_nobody_expects_are_never_pulled(fleet: Fleet, photographs, expected, tmp_path, outputs):
    """They are refused at the broker, which has another worker do the work."""
    source, output = photographs(1, 300, 400), tmp_path / "out"
    broker = fleet.start_broker()
    listener = listener_whose_task_waits(fleet, source, output)
    with own_worker(fleet) as liar:
        task = liar.next(Task)
        liar.send(Result(task.id, outputs, {}))
        liar.next(ResultOk)
        fleet.start_worker()
        assert listener.wait(20) == 0, listener.said
        assert not liar.heard(Get)
    assert "result_refused" in broker.said
    check_outputs(output, expected(source))


@pytest.mark.slow
def test_a_worker_that_always_lies_ends_in_a_failure_with_a_sentence(fleet: Fleet, photographs, tmp_path):
    fleet.start_broker()
    listener = listener_whose_task_waits(fleet, photographs(1, 300, 400), tmp_path / "out")
    with own_worker(fleet) as liar:
        attempts = 0
        while listener.alive:
            liar.send(Beat(liar.session))
            if (task := liar.heard(Task)) is not None:
                attempts += 1
                liar.send(Result(task.id, TOO_MANY, {}))
    assert attempts == 4
    assert listener.wait() == 1
    assert "The worker's outputs are not those of the recipe." in listener.said
    check_outputs(tmp_path / "out", {})


def test_a_client_does_not_trust_the_broker_to_look_at_results(fleet: Fleet, photographs, tmp_path):
    """A broker of the previous version passes everything on."""
    (photograph,) = photographs(1, 300, 400).rglob("*.jpg")
    options = ("--output", tmp_path / "out", "--frontend-port", fleet.frontend)
    submit = fleet.processes.start("submit", photograph, *options)
    with Broker(fleet.frontend) as broker:
        job = broker.next(Submit).id
        broker.send(Result(job, TOO_LARGE, {}))
        broker.next(ResultOk)
        assert not broker.heard(Get)
    assert submit.wait() == 1
    assert f"an output of this image may have {GIB}." in submit.said
