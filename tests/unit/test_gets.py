"""Requests that wait for their answer, and what has not left a process."""

import random

import pytest
import zmq

from filterfleet.common.client.core import ClientCore
from filterfleet.common.jobs.job import Job
from filterfleet.common.wire import Cancel, Get, Hello, encode
from filterfleet.common.wire.gets import MOST, Gets
from filterfleet.common.wire.messages import CHUNK, INLINE_LIMIT
from filterfleet.common.wire.pull import SHORTEST, WINDOW, Pull
from filterfleet.common.wire.unsent import COUNTED, Unsent
from tests.integration.harness import wait_until
from tests.memory_file import answers


def get(id_, chunk, length=CHUNK):
    return Get(id_, "", chunk * CHUNK, length)


def test_those_of_different_jobs_take_turns():
    gets = Gets()
    for one in (get(b"a", 0), get(b"a", 1), get(b"b", 0), get(b"a", 2)):
        gets.add(one)
    assert len(gets) == 4
    assert [gets.next() for _ in range(5)] == [get(b"a", 0), get(b"b", 0), get(b"a", 1), get(b"a", 2), None]
    assert not gets


def test_few_of_each_job_wait_and_none_of_them_twice_or_for_more_than_a_chunk():
    gets = Gets()
    for _ in range(3):
        for chunk in range(100):
            gets.add(get(b"a", chunk, INLINE_LIMIT))
    assert len(gets) == MOST > WINDOW
    assert gets.next() == get(b"a", 0)


def test_those_of_a_job_that_has_ended_are_forgotten():
    gets = Gets()
    gets.add(get(b"a", 0))
    gets.add(get(b"b", 0))
    gets.forget(b"a")
    gets.forget(b"never heard of")
    assert gets.next() == get(b"b", 0)


@pytest.mark.parametrize("end", ["cancelled", "another socket"])
def test_a_client_reads_nothing_for_a_job_or_a_broker_that_has_gone(end):
    core = ClientCore(random.Random(1))
    core.start(0.0)
    core.on_message(encode([Hello(b"life", b"session", 1.0, 4, INLINE_LIMIT)]), 0.0)
    core.submit(Job(b"big", b"", (), 9 * CHUNK))
    core.on_message(encode([get(b"big", 0)]), 0.0)
    assert core.gets
    if end == "cancelled":
        core.cancel(b"big", 0.0)
    else:
        core.on_refused(0.0)
        core.on_tick(100.0)
    assert answers(core) == []


def test_an_unknown_job_is_cancelled_and_not_answered():
    core = ClientCore(random.Random(1))
    core.start(0.0)
    (action,) = core.on_message(encode([get(b"unknown", 0)]), 0.0)
    assert action.message == Cancel(b"unknown")
    assert answers(core) == []


def test_an_answer_may_be_shorter_than_the_request():
    """The chunk is the choice of the one that answers."""
    pull = Pull(CHUNK + 5)
    assert pull.requests(0.0) == [(0, CHUNK), (CHUNK, 5)]
    assert pull.take(0, SHORTEST)
    assert pull.requests(0.0) == [(SHORTEST, CHUNK - SHORTEST)]
    assert not pull.take(SHORTEST, SHORTEST - 1)  # too many messages for one blob
    assert not pull.take(SHORTEST, CHUNK)
    assert not pull.take(CHUNK, 4)
    assert not pull.take(CHUNK, 0)
    assert pull.take(SHORTEST, CHUNK - SHORTEST)
    assert pull.take(CHUNK, 5)
    for offset in (0, SHORTEST, CHUNK):
        pull.stored(offset)
    assert pull.complete


def test_what_a_peer_has_not_read_is_counted_and_what_it_has_read_is_not():
    parts = 64
    with zmq.Context() as context, context.socket(zmq.PULL) as reader, context.socket(zmq.PUSH) as writer:
        reader.linger = writer.linger = 0
        reader.rcvhwm, reader.rcvbuf, writer.sndbuf, writer.sndhwm = 1, 1 << 16, 1 << 16, 0
        writer.connect(f"tcp://127.0.0.1:{reader.bind_to_random_port('tcp://127.0.0.1')}")
        unsent = Unsent()
        writer.send_multipart(unsent.lent([b"small"]), copy=False)
        assert unsent.size == 0
        for _ in range(parts):
            writer.send_multipart(unsent.lent([b"header", bytes(CHUNK), bytes(COUNTED), b""]), copy=False)
        assert unsent.size > parts // 2 * CHUNK
        assert reader.recv_multipart() == [b"small"]
        for _ in range(parts):
            assert len(reader.recv_multipart()) == 4
        wait_until(lambda: unsent.size == 0, what="the end of it")


def test_what_is_lost_with_a_socket_is_not_counted_for_ever():
    with zmq.Context() as context:
        writer = context.socket(zmq.DEALER)
        writer.connect("tcp://127.0.0.1:1")
        unsent = Unsent()
        writer.send_multipart(unsent.lent([bytes(CHUNK)]), copy=False)
        assert unsent.size == CHUNK
        writer.close(linger=0)
        wait_until(lambda: unsent.size == 0, what="the end of it")
