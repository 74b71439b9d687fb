"""Our worker at Paranoid Pirate queues of others."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

import msgpack
import pytest
import zmq

from filterfleet.common.jobs.recipe import DEFAULT
from filterfleet.common.wire import TAG
from filterfleet.worker.pipeline import process
from tests.integration.harness import Fleet, wait_until
from tests.integration.ppp_peers import HEARTBEAT, READY, Queue, ZguideQueue, ask, connected, is_reply, receive


@pytest.fixture
def photograph(photographs) -> bytes:
    folder: Path = photographs(200, 200, 500)
    return min(folder.glob("*.jpg")).read_bytes()


@pytest.fixture(scope="session")
def big_photograph(photographs) -> bytes:
    """A worker needs a good part of a second for it."""
    folder: Path = photographs(1, 5000, 5001)
    return next(folder.rglob("*.jpg")).read_bytes()


def answer_for(image: bytes) -> dict[str, bytes]:
    done = process(image, DEFAULT)
    return {output.name: bytes(blob) for output, blob in zip(done.outputs, done.blobs, strict=True)}


def register(queue: Queue, not_again: bytes = b"") -> bytes:
    """The identity of the next worker that registers. Messages of the known worker `not_again` are skipped."""
    worker, frames = queue.until(lambda message: message[0] != not_again, patience=60)[-1]
    assert frames == [READY]
    return worker


def test_it_registers_beats_and_replies_to_the_address_it_was_given(fleet: Fleet, photograph):
    with Queue(fleet.backend) as queue:
        fleet.start_worker(threads=1)
        worker = register(queue)
        assert queue.until(lambda message: message == (worker, [HEARTBEAT]), patience=2)

        queue.send(worker, b"client 7", b"", photograph)
        address, delimiter, body = queue.reply(worker)
        assert (address, delimiter) == (b"client 7", b"")
        assert msgpack.unpackb(body) == answer_for(photograph)

        queue.send(worker, b"client 8", b"", b"no image at all")
        address, _, body = queue.reply(worker)
        assert address == b"client 8"
        assert list(msgpack.unpackb(body)) == ["error"]

        queue.send(worker, b"inner", b"outer", b"", photograph)
        assert queue.reply(worker)[:3] == [b"inner", b"outer", b""]


def test_it_asks_for_more_while_threads_are_free_and_is_silent_when_none_is(fleet: Fleet, big_photograph):
    with Queue(fleet.backend) as queue:
        fleet.start_worker(threads=2)
        worker = register(queue)

        queue.send(worker, b"1", b"", big_photograph)
        assert queue.until(lambda message: message[1] != [HEARTBEAT], patience=5)[-1][1] == [READY]

        queue.send(worker, b"2", b"", big_photograph)
        heard = queue.until(is_reply, patience=20)
        assert len(heard) == 1, "a saturated worker said something before its reply"
        replies = {heard[0][1][0], queue.reply(worker)[0]}
        assert replies == {b"1", b"2"}


@pytest.mark.slow
def test_a_saturated_worker_sends_no_heartbeat_however_long_it_takes(fleet: Fleet, photographs):
    """Such a queue would mistake a heartbeat for readiness."""
    image = next(photographs(2, 9000, 9001).rglob("*.jpg")).read_bytes()
    with Queue(fleet.backend) as queue:
        fleet.start_worker(threads=1)
        worker = register(queue)
        for client in (b"1", b"2", b"3"):  # the worker has asked for one only
            queue.send(worker, client, b"", image)
        for _ in range(3):
            assert all(is_reply(message) for message in queue.until(is_reply, 60))


@pytest.mark.slow
def test_it_survives_the_death_and_restart_of_the_queue(fleet: Fleet, photograph):
    """The restarted queue is silent towards a worker that it does not know. The worker registers with READY, on a new
    socket with a new identity."""
    with Queue(fleet.backend) as queue:
        fleet.start_worker()
        before = register(queue)
        queue.send(before, b"lost", b"", photograph)

    with Queue(fleet.backend) as queue:
        after = register(queue, not_again=before)
        queue.send(after, b"client", b"", photograph)
        address, _, body = queue.reply(after)
        assert address == b"client"
        assert msgpack.unpackb(body) == answer_for(photograph)
        assert before.startswith(TAG)
        assert after.startswith(TAG)


@pytest.mark.slow
def test_it_meets_a_silent_queue_again_after_growing_pauses(fleet: Fleet):
    with Queue(fleet.backend) as queue:
        fleet.start_worker()
        identities = [register(queue)]
        pauses = []
        for _ in range(2):
            began = time.monotonic()
            identities.append(register(queue, not_again=identities[-1]))
            pauses.append(time.monotonic() - began)
    assert len(set(identities)) == 3
    assert 4.5 < pauses[0] < 6, "four missed heartbeats and a second"
    assert 5.5 < pauses[1] < 7, "and two"


def test_a_whole_zguide_queue_has_all_its_clients_answered(fleet: Fleet, photograph):
    with ZguideQueue(fleet.frontend, fleet.backend) as queue, contextlib.ExitStack() as stack:
        fleet.start_worker(threads=2)
        clients = [stack.enter_context(connected(zmq.REQ, fleet.frontend)) for _ in range(12)]
        for client in clients:
            client.send(photograph)
        answers = [receive(client, 30) for client in clients]
    assert all(answer and msgpack.unpackb(answer[0]) == answer_for(photograph) for answer in answers)
    assert len({worker for worker, _ in queue.dispatched}) == 1


@pytest.mark.slow
def test_a_zguide_queue_that_died_is_served_again(fleet: Fleet, photograph):
    with ZguideQueue(fleet.frontend, fleet.backend):
        fleet.start_worker()
        assert ask(fleet.frontend, photograph)
    with ZguideQueue(fleet.frontend, fleet.backend):
        assert ask(fleet.frontend, photograph)


def test_a_worker_that_is_stopped_replies_first(fleet: Fleet, big_photograph):
    with Queue(fleet.backend) as queue:
        daemon = fleet.start_worker(threads=1)
        worker = register(queue)
        cpu = daemon.worker_processes()[0].cpu_times
        before = cpu().user
        queue.send(worker, b"last", b"", big_photograph)
        wait_until(lambda: cpu().user > before + 0.1, what="work")
        daemon.terminate()
        assert queue.reply(worker)[0] == b"last"
        assert daemon.wait(10) == 0
