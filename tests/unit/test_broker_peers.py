"""Sessions with PPX peers, and peers that speak only the RFC."""

import random

import pytest

from filterfleet.broker.actions import Send, SendFrames, Side
from filterfleet.broker.batching import multiparts
from filterfleet.broker.core import BrokerCore
from filterfleet.broker.settings import Settings
from filterfleet.common.wire import (
    MINOR,
    Beat,
    Cancel,
    Catalogue,
    Credit,
    Data,
    Drain,
    Get,
    Hello,
    OutputFile,
    Result,
    Status,
    StatusRequest,
    Submit,
    Task,
    encode,
    parse,
)
from tests.unit.broker_rig import IMAGE, JOB_BYTES, Rig

CLIENT, OURS, OTHER = b"fx1|client", b"fx1|worker", b"fx1|second"
REQ, PPW = b"\0\x80req1", b"ABCD-1234"  # as libzmq and the zguide name them


def basic_worker(rig, peer=PPW):
    rig.frames(Side.BACKEND, peer, [b"\x01"])


def ask(rig, *frames):
    rig.frames(Side.FRONTEND, REQ, list(frames))


# --- PPX sessions ----


def test_ready_of_a_tagged_worker_is_answered_with_hello_and_nothing_is_sent_before_its_credit():
    rig = Rig()
    rig.submit(b"job")
    rig.frames(Side.BACKEND, OURS, [b"\x01"])
    (hello,) = rig.take(OURS)
    settings = rig.settings
    assert hello == Hello(
        rig.core.life, hello.session, settings.interval, settings.missed, settings.inline_limit, MINOR
    )
    rig.from_worker(OURS, Credit(1, 1, ("canny",), "host", "1"))
    assert len(rig.tasks(OURS)) == 1


def test_each_life_and_each_registration_has_a_name_of_its_own():
    rig = Rig()
    rig.frames(Side.BACKEND, OURS, [b"\x01"])
    rig.frames(Side.BACKEND, OTHER, [b"\x01"])
    (one,), (other,) = rig.hellos(OURS), rig.hellos(OTHER)
    assert one.life == other.life
    assert one.session != other.session


@pytest.mark.parametrize("side", Side)
def test_a_beat_from_another_session_is_answered_with_hello(side):
    rig = Rig()
    rig.worker(OURS)
    rig.client(CLIENT)
    peer = OURS if side is Side.BACKEND else CLIENT
    rig.frames(side, peer, encode([Beat(b"before the broker died")]))
    assert len(rig.hellos(peer)) == 1


def test_a_worker_whose_credit_was_lost_is_greeted_again():
    rig = Rig()
    rig.frames(Side.BACKEND, OURS, [b"\x01"])
    (hello,) = rig.hellos(OURS)
    rig.from_worker(OURS, Beat(hello.session))
    assert rig.hellos(OURS) == [hello]


def test_a_silent_client_is_forgotten_with_its_tasks():
    rig = Rig()
    rig.worker(OURS)
    rig.submit(b"job")
    (token,) = rig.tasks(OURS)
    rig.keeping_alive.discard((Side.FRONTEND, CLIENT))
    rig.after(10.0)
    assert rig.take(OURS, Cancel) == [Cancel(token)]
    assert (rig.core.report(rig.now).clients, rig.core.report(rig.now).tasks) == (0, 0)


def test_a_client_that_cannot_be_reached_is_forgotten_at_once():
    rig = Rig()
    rig.submit(b"job")
    rig._do(rig.core.on_unreachable(Side.FRONTEND, CLIENT, rig.now))
    assert (rig.core.report(rig.now).clients, rig.core.report(rig.now).tasks) == (0, 0)


def test_clients_are_told_what_the_fleet_can_do():
    rig = Rig()
    rig.client(CLIENT)
    rig.worker(OURS, slots=4, threads=2, filters=("canny", "grayscale"))
    rig.worker(OTHER, filters=("sepia",))
    assert rig.take(CLIENT, Catalogue)[-1] == Catalogue(("canny", "grayscale", "sepia"), 3)
    rig.from_worker(OTHER, Drain())
    assert rig.take(CLIENT, Catalogue) == [Catalogue(("canny", "grayscale"), 2)]
    rig.after(5.0)
    assert rig.take(CLIENT, Catalogue) == []  # no news


def test_the_status_survives_the_wire():
    rig = Rig()
    rig.worker(OURS)
    rig.after(1.0)
    rig.submit(b"job")
    rig.after(1.0)
    rig.begin(OURS)
    rig.now += 1.0
    rig.from_client(CLIENT, StatusRequest())
    (status,) = rig.take(CLIENT, Status)
    worker = {"host": "host", "version": "1", "threads": 1, "slots": 1, "leases": 1, "draining": False}
    assert status.report == {
        "life": rig.core.life.hex(),
        "uptime": 3.0,
        "tasks": 1,
        "waiting": 0,
        "running": 1,
        "held_bytes": JOB_BYTES,
        "result_bytes": 0,
        "clients": 1,
        "counters": {"submitted": 1},
        "waits": [],
        "versions": [],
        "workers": [worker | {"name": "", "address": "", "since": 3.0, "heard": 1.0}],
        "gone": [],
        "leases": [{"job": b"job".hex(), "worker": 0, "seconds": 2.0, "begun": True}],
        "clock": 0.0,
    }
    assert parse(encode([status]), extended=True) == [status]


def test_an_image_over_the_inline_limit_is_pulled_through_the_broker():
    rig = Rig()
    rig.worker(OURS)
    rig.submit(b"job", payload=(), size=3 << 20)
    (token,) = rig.tasks(OURS)
    rig.take(CLIENT)
    rig.from_worker(OURS, Get(token, "", 0, 1 << 20))
    assert rig.take(CLIENT) == [Get(b"job", "", 0, 1 << 20)]
    rig.from_client(CLIENT, Data(b"job", "", 0, (b"chunk",)))
    held = rig.core.report(rig.now).held_bytes
    rig.from_client(CLIENT, Data(b"job", "", 0, (b"chunk",)))
    assert rig.take(OURS) == [Data(token, "", 0, (b"chunk",))]  # the second one is the answer to nothing
    assert rig.core.report(rig.now).held_bytes == held  # the broker keeps nothing that it relays


def test_chunks_for_no_lease_go_nowhere():
    rig = Rig()
    rig.worker(OURS)
    rig.worker(OTHER)
    rig.submit(b"job")
    (token,) = rig.tasks(OURS)
    rig.take(CLIENT)
    rig.from_worker(OTHER, Get(token, "", 0, 1), Data(token, "edges", 0, (b"x",)))
    assert rig.take(CLIENT) == []


@pytest.mark.parametrize(
    ("side", "peer", "frames"),
    [
        (Side.FRONTEND, CLIENT, encode([Drain()])),
        (Side.FRONTEND, CLIENT, [b"\x01"]),
        (Side.FRONTEND, CLIENT, [b"", b"an RFC request"]),
        (Side.BACKEND, OURS, encode([Catalogue((), 0)])),
        (Side.BACKEND, OURS, [b"junk"]),
        (Side.BACKEND, PPW, [b"no", b"delimiter"]),
    ],
)
def test_a_message_that_does_not_belong_on_a_port_is_dropped_and_counted(side, peer, frames):
    rig = Rig()
    rig.frames(side, peer, frames)
    assert rig.counters["malformed"] == 1
    rig.worker(OTHER)  # the broker goes on
    rig.submit(b"job")
    assert len(rig.tasks(OTHER)) == 1


# --- RFC peers ----


def test_a_basic_client_is_served_by_a_basic_worker():
    rig = Rig()
    basic_worker(rig)
    ask(rig, b"stack", b"", b"Hello", b"World")
    ((token, *rest),) = rig.take(PPW, tuple)
    assert rest == [b"", b"Hello", b"World"]
    assert REQ not in token
    rig.frames(Side.BACKEND, PPW, [token, b"", b"reply"])
    assert rig.take(REQ) == [(b"stack", b"", b"reply")]
    assert (rig.core.report(rig.now).tasks, rig.core.report(rig.now).clients) == (0, 0)


def test_a_basic_worker_gets_one_request_at_a_time():
    rig = Rig()
    basic_worker(rig)
    rig.frames(Side.BACKEND, PPW, [b"\x02"])
    ask(rig, b"", b"1")
    ask(rig, b"", b"2")
    ((token, *_),) = rig.take(PPW, tuple)
    rig.frames(Side.BACKEND, PPW, [b"\x02"])
    assert rig.take(PPW, tuple) == []
    rig.frames(Side.BACKEND, PPW, [token, b"", b"reply"])
    ((_, _, body),) = rig.take(PPW, tuple)
    assert body == b"2"


def test_a_basic_worker_cannot_speak_for_a_lease_it_does_not_hold():
    rig = Rig()
    basic_worker(rig)
    ask(rig, b"", b"question")
    ((token, *_),) = rig.take(PPW, tuple)
    rig.frames(Side.BACKEND, b"other", [token, b"", b"forged"])
    rig.frames(Side.BACKEND, PPW, [REQ, b"", b"forged"])
    rig.frames(Side.BACKEND, PPW, [token, b"more", b"", b"forged"])
    assert rig.take(REQ) == []
    assert rig.counters["stale_reply"] == 3


def test_a_basic_worker_may_fall_silent_while_it_works_but_not_while_it_idles():
    rig = Rig()
    basic_worker(rig)
    ask(rig, b"", b"question")
    ((token, *_),) = rig.take(PPW, tuple)
    rig.after(20.0)
    rig.frames(Side.BACKEND, PPW, [token, b"", b"reply"])
    assert rig.take(REQ) == [(b"", b"reply")]
    rig.after(6.0)
    assert rig.core.scheduler.workers == {}


def test_a_basic_worker_that_starts_again_under_its_routing_id_has_lost_its_request():
    rig = Rig()
    basic_worker(rig)
    ask(rig, b"", b"question")
    ((old, *_),) = rig.take(PPW, tuple)
    basic_worker(rig)
    ((new, *_),) = rig.take(PPW, tuple)
    assert new != old
    rig.frames(Side.BACKEND, PPW, [old, b"", b"late"])
    assert rig.take(REQ) == []


def test_a_basic_worker_never_gets_a_task_with_a_recipe():
    rig = Rig()
    basic_worker(rig)
    rig.submit(b"job", needs=())
    assert rig.take(PPW, tuple) == []


def test_opaque_requests_wait_for_a_basic_worker_while_one_lives():
    rig = Rig()
    rig.worker(OURS, slots=5)
    basic_worker(rig)
    ask(rig, b"", b"1")
    ask(rig, b"", b"2")
    assert rig.tasks(OURS) == []
    rig._do(rig.core.on_unreachable(Side.BACKEND, PPW, rig.now))
    assert len(rig.tasks(OURS)) == 2


def test_our_worker_answers_a_basic_client_when_no_basic_worker_lives():
    rig = Rig()
    rig.worker(OURS)
    ask(rig, b"", IMAGE)
    (task,) = rig.take(OURS, Task)
    assert (task.opaque, task.payload) == (True, (IMAGE,))
    rig.from_worker(OURS, Result(task.id, (OutputFile("answer", "", 3),), {}, (b"yes",)))
    assert rig.take(REQ) == [(b"", b"yes")]


def test_a_basic_clients_request_ages_and_is_dropped_over_the_caps():
    rig = Rig(Settings(tasks=1))
    ask(rig, b"", b"1")
    ask(rig, b"", b"2")
    assert rig.counters["basic_request_dropped"] == 1
    rig.after(rig.settings.opaque_life)
    assert rig.counters["basic_request_expired"] == 1
    assert rig.core.report(rig.now).tasks == 0


def test_workers_get_the_rfcs_heartbeat_every_interval_and_basic_clients_get_none():
    core = BrokerCore(Settings(), random.Random(0), 0.0)
    core.on_message(Side.BACKEND, PPW, [b"\x01"], 0.0)
    core.on_message(Side.FRONTEND, REQ, [b"", b"question"], 0.0)
    core.on_tick(0.0)
    assert core.deadline() == 1.0
    assert core.on_tick(0.999) == []
    assert core.on_tick(1.0) == [SendFrames(Side.BACKEND, PPW, (b"\x02",))]
    assert core.deadline() == 2.0


# --- several messages in one ----


def test_messages_to_one_peer_travel_together_and_in_order():
    to_worker = [Send(Side.BACKEND, OURS, Cancel(b"%d" % n)) for n in range(3)]
    beat = SendFrames(Side.BACKEND, OURS, (b"\x02",))
    to_client = Send(Side.FRONTEND, CLIENT, Catalogue((), 0))
    sent = list(multiparts([to_worker[0], to_client, to_worker[1], beat, to_worker[2]], 100))
    assert [item for item in sent if item[1] == OURS] == [
        (Side.BACKEND, OURS, encode([Cancel(b"0"), Cancel(b"1")])),
        (Side.BACKEND, OURS, [b"\x02"]),
        (Side.BACKEND, OURS, encode([Cancel(b"2")])),
    ]
    assert (Side.FRONTEND, CLIENT, encode([Catalogue((), 0)])) in sent


def test_a_bad_message_does_not_undo_the_good_ones_before_it():
    rig = Rig()
    rig.from_client(CLIENT, Submit(b"job", b"", (), 5, 0), Drain())
    assert (rig.core.report(rig.now).tasks, rig.counters["malformed"]) == (1, 1)
