"""Requests for parts of blobs, as the broker passes them on: few at a time, each answered once."""

from dataclasses import replace

import pytest

from filterfleet.broker.actions import Side
from filterfleet.broker.core import BrokerCore
from filterfleet.broker.settings import Settings
from filterfleet.common.wire import Beat, Data, Get, OutputFile, Result, ResultOk, StatusRequest, Submit, Task
from filterfleet.common.wire.messages import CHUNK, INLINE_LIMIT
from tests.unit.broker_rig import Rig

CLIENT, A, B = b"fx1|client", b"fx1|a", b"fx1|b"
LIMITS = Settings(parts_of_peer=4, parts_of_lease=3, part_repeat=2.0, part_life=20.0)
SIZE = 100 * CHUNK


class Behind(Rig):
    """The broker knows how much each peer has not read."""

    def __init__(self, settings=LIMITS):
        super().__init__(settings)
        self.unread = {}
        self.core = BrokerCore(settings, self.core._workers._rng, self.now, lambda _, peer: self.unread.get(peer, 0))


@pytest.fixture
def rig():
    return Behind()


def pulling(rig, *jobs, worker=A, size=SIZE):
    """The worker has the tasks of these jobs, without their images. Returns the tokens."""
    rig.worker(worker, slots=len(jobs))
    for job in jobs:
        rig.submit(job, payload=(), size=size)
    tokens = rig.tasks(worker)
    rig.take(CLIENT)
    return tokens


def gets(token, *chunks, blob="", length=CHUNK):
    return [Get(token, blob, chunk * CHUNK, length) for chunk in chunks]


def offsets(rig, peer):
    return [get.offset // CHUNK for get in rig.take(peer, Get)]


def part(name, chunk, length=CHUNK, blob=""):
    return Data(name, blob, chunk * CHUNK, (bytes(length),))


def test_a_lease_has_few_parts_under_way_and_the_next_when_one_has_come(rig):
    (token,) = pulling(rig, b"job")
    rig.from_worker(A, *gets(token, *range(50)))
    assert offsets(rig, CLIENT) == [0, 1, 2]
    rig.from_worker(A, *gets(token, *range(50)))
    assert offsets(rig, CLIENT) == []
    rig.from_client(CLIENT, part(b"job", 1))
    rig.from_worker(A, *gets(token, 3))
    assert offsets(rig, CLIENT) == [3]


def test_a_peer_has_few_parts_under_way_however_many_leases_it_holds(rig):
    one, two, three = pulling(rig, b"1", b"2", b"3")
    rig.from_worker(A, *gets(one, 0, 1), *gets(two, 0, 1), *gets(three, 0, 1))
    assert [get.id for get in rig.take(CLIENT, Get)] == [b"1", b"1", b"2", b"2"]
    rig.from_client(CLIENT, part(b"2", 0), part(b"1", 1))
    assert [get.id for get in rig.take(CLIENT, Get)] == [b"3", b"3"]


def test_a_request_is_for_a_chunk_at_most(rig):
    (token,) = pulling(rig, b"job")
    rig.from_worker(A, *gets(token, 0, length=INLINE_LIMIT))
    assert rig.take(CLIENT) == [Get(b"job", "", 0, CHUNK)]


def test_what_nobody_asked_for_is_dropped(rig):
    (token,) = pulling(rig, b"job")
    rig.from_worker(A, *gets(token, 0, length=10))
    rig.from_client(CLIENT, part(b"job", 1), part(b"job", 0, 11), part(b"job", 0, blob="edges"))
    assert rig.take(A, Data) == []
    rig.from_client(CLIENT, part(b"job", 0, 9), part(b"job", 0, 9))
    assert rig.take(A, Data) == [part(token, 0, 9)]


def test_a_request_that_comes_again_is_passed_on_when_it_may_have_been_lost(rig):
    (token,) = pulling(rig, b"job")
    for seconds, passed in ((0.0, [0]), (1.5, []), (1.0, [0]), (1.5, [])):
        rig.after(seconds)
        rig.from_worker(A, *gets(token, 0))
        assert offsets(rig, CLIENT) == passed


def test_answers_that_never_come_take_no_room_for_ever(rig):
    one, two = pulling(rig, b"1", b"2")
    rig.from_worker(A, *gets(one, 0, 1, 2))
    rig.from_worker(A, *gets(two, 0, 1))
    assert offsets(rig, CLIENT) == [0, 1, 2, 0]
    rig.after(19.0)
    assert offsets(rig, CLIENT) == []
    rig.after(2.0)
    assert offsets(rig, CLIENT) == [1]


def test_a_lease_that_has_ended_gives_its_room_back(rig):
    one, two = pulling(rig, b"1", b"2")
    rig.from_worker(A, *gets(one, 0, 1, 2), *gets(two, 0, 1))
    rig.take(CLIENT)
    rig.result(A, one)
    assert offsets(rig, CLIENT) == [1]
    rig.die(A)
    rig.after(0.1)
    assert not rig.core.relay._askers


def test_a_peer_that_does_not_read_is_sent_nothing_more(rig):
    (token,) = pulling(rig, b"job")
    rig.unread[A] = 3 * CHUNK
    rig.from_worker(A, *gets(token, 0, 1))
    assert offsets(rig, CLIENT) == [0]
    rig.unread[A] = 4 * CHUNK
    rig.from_client(CLIENT, part(b"job", 0))
    rig.after(1.0)
    assert offsets(rig, CLIENT) == []
    rig.unread[A] = 0
    rig.after(0.1)
    assert offsets(rig, CLIENT) == [1]


def test_a_client_that_does_not_read_is_told_nothing_that_it_can_ask_for_again(rig):
    rig.client(CLIENT)
    rig.unread[CLIENT] = 4 * CHUNK
    rig.from_client(CLIENT, StatusRequest(), Beat(b"another session"))
    assert rig.take(CLIENT) == []
    assert rig.counters["status_not_told"] == 1
    rig.unread[CLIENT] = 0
    rig.from_client(CLIENT, StatusRequest())
    assert len(rig.take(CLIENT)) == 1


def test_a_client_is_not_sent_in_one_turn_what_it_asks_for_again_and_again(rig):
    """A SUBMIT is small, and the result that it asks for may not be. The numbers are those of one message."""
    result = b"x" * CHUNK
    rig.worker(A)
    rig.submit(b"job")
    rig.from_worker(A, Result(rig.token(A), (OutputFile("edges", "png", CHUNK),), {}, (result,)))
    rig.take(CLIENT)
    rig.from_client(CLIENT, *[Submit(b"job", b"recipe", ("canny",), 5, 0)] * 200)
    assert len(rig.take(CLIENT, Result)) == LIMITS.parts_of_peer
    rig.from_client(CLIENT, Submit(b"job", b"recipe", ("canny",), 5, 0))
    assert len(rig.take(CLIENT, Result)) == 1


def test_a_basic_client_that_does_not_read_loses_its_replies(rig):
    rig.frames(Side.BACKEND, b"basic", [b"\x01"])
    rig.unread[b"pirate"] = 4 * CHUNK
    rig.frames(Side.FRONTEND, b"pirate", [b"", b"body"])
    ((token, *_),) = rig.take(b"basic")
    rig.frames(Side.BACKEND, b"basic", [token, b"", b"reply"])
    assert rig.take(b"pirate") == []
    assert rig.counters["basic_reply_dropped"] == 1


def test_outputs_are_asked_for_under_the_same_rules(rig):
    (token,) = pulling(rig, b"job", size=0)
    rig.from_worker(A, Result(token, (OutputFile("edges", "png", SIZE),), {}))
    rig.from_client(CLIENT, *gets(b"job", *range(9), blob="edges", length=INLINE_LIMIT))
    assert rig.take(A, Get) == gets(token, 0, 1, 2, blob="edges")
    rig.take(CLIENT)
    rig.from_worker(A, part(token, 0, blob="edges"), part(token, 0, blob="edges"), part(token, 5, blob="edges"))
    assert rig.take(CLIENT) == [part(b"job", 0, blob="edges")]


def test_a_worker_that_announces_outputs_and_never_sends_them_loses_its_lease():
    """However often the client asks."""
    rig = Behind(replace(LIMITS, task_timeout=10.0))
    (token,) = pulling(rig, b"job", size=0)
    rig.from_worker(A, Result(token, (OutputFile("edges", "png", SIZE),), {}))
    for _ in range(6):
        rig.from_client(CLIENT, *gets(b"job", 0, blob="edges"))
        rig.after(2.0)
    assert token not in rig.core.scheduler.leases


def test_a_worker_that_pulls_its_image_again_and_again_loses_its_lease():
    rig = Behind(replace(LIMITS, task_timeout=10.0, pulls=2))
    (token,) = pulling(rig, b"job", size=CHUNK)
    for _ in range(8):
        rig.from_worker(A, *gets(token, 0))
        rig.from_client(CLIENT, part(b"job", 0))
        rig.after(2.0)
    assert token not in rig.core.scheduler.leases


# --- results that are not what the client expects ----


@pytest.mark.parametrize(
    "outputs",
    [
        (),
        (OutputFile("other", "png", 3),),
        (OutputFile("edges", "exe", 3),),
        (OutputFile("edges", "png", 3), OutputFile("more", "png", 3)),
        (OutputFile("edges", "png", 1001),),
    ],
)
def test_a_result_that_is_not_what_the_client_expects_is_tried_elsewhere(outputs):
    rig = Rig()
    rig.worker(A)
    rig.client(CLIENT)
    rig.from_client(CLIENT, Submit(b"job", b"recipe", (), 5, 0, (), ("edges",), 1000))
    token = rig.token(A)
    rig.worker(B)
    rig.take(CLIENT)
    rig.from_worker(A, Result(token, outputs, {}))
    assert rig.take(A) == [ResultOk(token)]
    assert rig.take(CLIENT) == []
    rig.after(2.0)
    assert rig.take(A, Task) == []
    right = OutputFile("edges", "png", 1000)
    rig.from_worker(B, Result(rig.token(B), (right,), {}))
    (result,) = rig.take(CLIENT)
    assert (result.outputs, [one.ending for one in result.tries]) == ((right,), ["transient"])
    assert rig.counters["result_refused"] == 1
