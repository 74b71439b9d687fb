"""Peers that ask for much and read nothing: requests are cheaper than their answers, and nobody may pay for that."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import zmq

from filterfleet.bench.processes import high_water
from filterfleet.common.jobs.recipe import DEFAULT, Output, Recipe
from filterfleet.common.wire import (
    Beat,
    Credit,
    Failed,
    Get,
    Hello,
    Message,
    Result,
    ResultOk,
    StatusRequest,
    Submit,
    Task,
    encode,
    new_identity,
    parse,
)
from filterfleet.common.wire.messages import INLINE_LIMIT
from tests.integration.harness import Daemon, Fleet, wait_until
from tests.integration.ppp_peers import READY, receive

LARGE = Recipe((Output("same", (), "png"),))  # whose output of a swelling image is in a file at the worker
NEEDS = tuple(sorted(DEFAULT.filters))
GROWTH = 100 << 20  # bytes that a process under attack may take, beyond those for its honest work
FLOOD = [200] * 6  # requests in each message
HELLO = Hello(b"life", b"session", 1.0, 4, INLINE_LIMIT)


@contextlib.contextmanager
def reader_of_nothing(kind: int, port: int, name: bytes = b"", *, bind: bool = False) -> Iterator[zmq.Socket[bytes]]:
    """A socket that takes hardly anything from the network unless somebody reads from it."""
    with zmq.Context() as context, context.socket(kind) as socket:
        socket.linger, socket.rcvhwm, socket.rcvbuf = 0, 1, 1 << 16
        if bind:
            socket.bind(f"tcp://127.0.0.1:{port}")
        else:
            socket.routing_id = name or new_identity(random.SystemRandom())
            socket.connect(f"tcp://127.0.0.1:{port}")
        yield socket


def next_of(socket: zmq.Socket[bytes], kind: type[Message], patience: float = 20.0) -> tuple[bytes, Message]:
    """The next message of this kind, and the routing id of its peer, which a ROUTER has."""
    router = socket.type == zmq.ROUTER
    while (frames := receive(socket, patience)) is not None:
        peer, frames = (frames[0], frames[1:]) if router else (b"", frames)
        found = parse(frames, extended=True)
        for message in found if isinstance(found, list) else ():
            if isinstance(message, kind):
                return peer, message
    raise AssertionError(f"no {kind.__name__}")


def flood(socket: zmq.Socket[bytes], message: Message, peer: bytes = b"") -> None:
    """The same request hundreds of times, each of them for another offset."""
    for count in FLOOD:
        shifted = [
            Get(message.id, message.blob, number, message.length) if isinstance(message, Get) else message
            for number in range(count)
        ]
        assert socket.poll(20_000, zmq.POLLOUT), "the peer has stopped reading"
        socket.send_multipart([*([peer] if peer else []), *encode(shifted)])


def memory(*pids: int) -> list[int]:
    return [psutil.Process(pid).memory_info().rss for pid in pids]


def has_not_grown(before: list[int], *pids: int) -> None:
    peaks = [high_water(pid) for pid in pids]
    assert all(peak < was + GROWTH for was, peak in zip(before, peaks, strict=True)), [peak >> 20 for peak in peaks]


def worker_pid(worker: Daemon) -> int:
    (process,) = wait_until(worker.worker_processes, what="a worker process")
    return process.pid


def test_a_broker_that_asks_a_worker_for_much_and_reads_nothing(fleet: Fleet, swelling_jpeg):
    with reader_of_nothing(zmq.ROUTER, fleet.backend, bind=True) as broker:
        worker = fleet.start_worker()
        peer = broker.recv_multipart()[0]
        broker.send_multipart([peer, *encode([HELLO])])
        next_of(broker, Credit)
        task = Task(b"lease", LARGE.to_bytes(), len(swelling_jpeg), 60.0, payload=(swelling_jpeg,))
        broker.send_multipart([peer, *encode([task])])
        _, result = next_of(broker, Result)
        assert isinstance(result, Result)
        output = max(result.outputs, key=lambda output: output.size)
        pid = worker_pid(worker)
        before = [high_water(pid)]
        flood(broker, Get(b"lease", output.name, 0, min(INLINE_LIMIT, output.size)), peer)
        broker.send_multipart([peer, *encode([Task(b"last", b"no recipe", 1, 60.0, payload=(b"x",))])])
        next_of(broker, Failed)  # everything before has been done
        has_not_grown(before, pid)
    assert "Traceback" not in worker.said


def source_of(tmp_path: Path, image: bytes) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.bmp").write_bytes(image)
    return folder


def test_a_broker_that_asks_a_client_for_much_and_reads_nothing(fleet: Fleet, noise_bmp, tmp_path):
    with reader_of_nothing(zmq.ROUTER, fleet.frontend, bind=True) as broker:
        listener = fleet.start_listener(source_of(tmp_path, noise_bmp), tmp_path / "out", "--settle", 0)
        peer, _ = next_of(broker, Beat)
        broker.send_multipart([peer, *encode([HELLO])])
        _, submit = next_of(broker, Submit)
        assert isinstance(submit, Submit)
        before = memory(listener.pid)
        flood(broker, Get(submit.id, "", 0, INLINE_LIMIT), peer)
        broker.send_multipart([peer, *encode([Failed(submit.id, "permanent", "Enough.")])])
        next_of(broker, ResultOk)  # everything before has been done
        has_not_grown(before, listener.pid)
    assert "Traceback" not in listener.said


def test_a_worker_that_asks_for_much_and_reads_nothing(fleet: Fleet, noise_bmp, tmp_path):
    """Neither the broker nor the honest listener behind it pays."""
    broker = fleet.start_broker()
    listener = fleet.start_listener(source_of(tmp_path, noise_bmp), tmp_path / "out", "--settle", 0)
    with reader_of_nothing(zmq.DEALER, fleet.backend) as liar:
        liar.send(READY)
        next_of(liar, Hello)
        liar.send_multipart(encode([Credit(1, 1, NEEDS, "liar", "0")]))
        _, task = next_of(liar, Task)
        assert isinstance(task, Task)
        before = memory(broker.pid, listener.pid)
        flood(liar, Get(task.id, "", 0, INLINE_LIMIT))
        wait_until(lambda: fleet.status()["workers"] == [], what="the end of a worker that sends no heartbeats")
        has_not_grown(before, broker.pid, listener.pid)


@pytest.mark.slow
def test_a_client_that_asks_for_much_and_reads_nothing(fleet: Fleet, swelling_jpeg):
    """Neither the broker nor the honest worker behind it pays."""
    broker = fleet.start_broker()
    worker = fleet.start_worker()
    fleet.wait_for_workers(1)
    with reader_of_nothing(zmq.DEALER, fleet.frontend) as liar:
        submit = Submit(b"job", LARGE.to_bytes(), NEEDS, 5, len(swelling_jpeg), (swelling_jpeg,))
        liar.send_multipart(encode([Beat(b""), submit]))
        _, result = next_of(liar, Result)
        assert isinstance(result, Result)
        output = max(result.outputs, key=lambda output: output.size)
        pids = broker.pid, worker_pid(worker)
        before = [max(now, high_water(pid)) for now, pid in zip(memory(*pids), pids, strict=True)]
        flood(liar, Get(b"job", output.name, 0, min(INLINE_LIMIT, output.size)))
        flood(liar, StatusRequest())
        wait_until(lambda: fleet.status()["clients"] == 1, what="the end of a client that sends no heartbeats")
        has_not_grown(before, *pids)
    assert "Traceback" not in worker.said


@pytest.mark.slow
def test_a_basic_client_that_reads_none_of_its_replies(fleet: Fleet, photographs):
    """Its requests are small, and their replies are not."""
    (photograph,) = photographs(1, 2400, 2500).glob("*.jpg")
    body = photograph.read_bytes()
    broker = fleet.start_broker()
    fleet.start_worker(threads=2)
    fleet.wait_for_workers(1)
    before = memory(broker.pid)
    with reader_of_nothing(zmq.DEALER, fleet.frontend, b"basic") as liar:
        for _ in range(120):
            liar.send_multipart([b"", body])
        wait_until(lambda: fleet.status()["counters"].get("results", 0) >= 120, what="all results")
        has_not_grown(before, broker.pid)
