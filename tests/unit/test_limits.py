"""Limits on what strangers can make the cores keep, send and do. Each of these was unlimited once."""

import random
import tracemalloc

import msgpack
import pytest

from filterfleet.broker.actions import Side
from filterfleet.broker.core import BrokerCore
from filterfleet.broker.settings import Settings
from filterfleet.common.errors import ProtocolError
from filterfleet.common.ratelimit import RateLimit
from filterfleet.common.wire import (
    Accepted,
    Beat,
    Busy,
    Cancel,
    Hello,
    Nack,
    OutputFile,
    Result,
    ResultOk,
    Status,
    StatusRequest,
    Submit,
    Task,
    encode,
    parse,
)
from filterfleet.common.wire.actions import Send
from filterfleet.common.wire.codec import FRAMES_LIMIT, MESSAGES_LIMIT
from filterfleet.common.wire.messages import LEASES_LIMIT, PPX
from filterfleet.worker.leases.actions import Profile, Run
from filterfleet.worker.leases.session import WorkerSession
from tests.integration.hostile_frames import hostile_messages
from tests.unit.broker_rig import Rig

CLIENT, WORKER = b"fx1|client", b"fx1|worker"
PROFILE = Profile(2, 1, ("canny",), "host", "1", 1 << 20)


# --- what the parser lets in ----


def test_a_request_for_the_status_cannot_be_multiplied():
    """50,000 requests fit into one header, and each would be answered with the state of the whole fleet."""
    parse(encode([StatusRequest()] * MESSAGES_LIMIT), extended=True)
    with pytest.raises(ProtocolError, match="length <= 256"):
        parse(encode([StatusRequest()] * (MESSAGES_LIMIT + 1)), extended=True)


def test_a_result_with_two_outputs_of_one_name_is_refused():
    """Otherwise the client would pull one of them and deliver two."""
    with pytest.raises(ProtocolError, match="one name"):
        parse(encode([Result(b"id", (OutputFile("edges", "png", 1),) * 2, {})]), extended=True)


@pytest.mark.parametrize("report", [{"a": "x" * 5000}, {"a": [0] * 5000}, {str(n): 0 for n in range(2000)}])
def test_the_report_of_a_result_is_short_and_that_of_a_fleet_may_be_long(report):
    """A list of a million None takes 8 MiB of memory, and the broker keeps results."""
    parse(encode([Status(report)]), extended=True)
    with pytest.raises(ProtocolError, match="neither large"):
        parse(encode([Result(b"id", (), report)]), extended=True)


def test_a_broker_cannot_ask_for_heartbeats_without_pause():
    with pytest.raises(ProtocolError, match=r">= 0\.1"):
        parse(encode([Hello(b"life", b"session", 1e-9, 4, 0)]), extended=True)


# --- what the broker keeps ----


def test_peers_beyond_the_limit_are_not_answered_until_others_are_gone():
    rig = Rig(Settings(peers=2))
    for number in range(5):
        rig.from_client(b"fx1|%d" % number, Beat(b""))
        rig.frames(Side.BACKEND, b"fx1|%d" % number, [b"\x01"])
        rig.frames(Side.BACKEND, b"plain-%d" % number, [b"\x02"])
        rig.frames(Side.FRONTEND, b"plain-%d" % number, [b"", b"request"])
    report = rig.core.report(rig.now)
    assert (report.clients, len(report.workers)) == (2, 2)
    assert (rig.counters["client_turned_away"], rig.counters["worker_turned_away"]) == (8, 8)
    assert rig.hellos(b"fx1|4") == []
    rig.after(rig.settings.opaque_life)
    rig.client(b"fx1|4")
    rig.worker(b"fx1|4")
    assert rig.core.report(rig.now).clients == 1


@pytest.mark.parametrize(
    "submit",
    [
        Submit(b"job", bytes(4000), (), 5, 0),
        Submit(b"job", b"", tuple(f"filter-{number}" for number in range(100)), 5, 0),
    ],
)
def test_everything_that_comes_with_a_task_counts(submit):
    rig = Rig(Settings(held_bytes=5000))
    rig.client(CLIENT)
    rig.from_client(CLIENT, submit, Submit(b"next", b"", (), 5, 2000, (bytes(2000),)))
    assert rig.take(CLIENT, Accepted | Busy) == [Accepted(b"job"), Busy(b"next", rig.settings.busy_delay)]


def large_result(token, size):
    return Result(token, (OutputFile("edges", "png", size),), {}, (bytes(size),))


def test_a_client_that_acknowledges_nothing_gets_no_more_work_done_and_others_do():
    rig = Rig(Settings(result_bytes=10_000, held_bytes=20_000))
    rig.worker(WORKER, slots=12)
    for number in range(40):
        rig.submit(b"%d" % number)
    done = 0
    while tokens := rig.tasks(WORKER):
        for token in tokens:  # the worker has all of them: more than the limit
            rig.from_worker(WORKER, large_result(token, 2000))
            done += 1
        rig.after(0.1)
    assert done <= 24
    report = rig.core.report(rig.now)
    assert report.running == 0
    assert report.result_bytes > 20_000
    for number in range(5):
        rig.submit(b"another %d" % number, client=b"fx1|other")
        rig.from_worker(WORKER, large_result(rig.token(WORKER), 2000))
        assert len(rig.take(b"fx1|other", Result)) == 1
        rig.from_client(b"fx1|other", ResultOk(b"another %d" % number))

    rig.from_client(CLIENT, *(ResultOk(b"%d" % number) for number in range(done)))
    rig.after(0.1)
    assert len(rig.tasks(WORKER)) == 12


def test_outputs_over_the_inline_limit_are_not_taken_in_a_result():
    rig = Rig(Settings(inline_limit=1000))
    rig.worker(WORKER)
    rig.submit(b"job")
    token = rig.token(WORKER)
    rig.from_worker(WORKER, large_result(token, 1001))
    assert rig.counters["malformed"] == 1
    assert rig.core.report(rig.now).result_bytes == 0
    rig.from_worker(WORKER, large_result(token, 1000))
    assert rig.core.report(rig.now).result_bytes > 1000


def test_a_basic_clients_addresses_and_small_frames_count():
    rig = Rig(Settings(held_bytes=10_000))
    for _ in range(4):
        rig.frames(Side.FRONTEND, b"addresses", [b"x" * 255] * 10 + [b"", b"body"])
        rig.frames(Side.FRONTEND, b"frames", [b"", *[b"x"] * 40])
    assert rig.counters["basic_request_dropped"] == 6


def test_a_basic_request_that_no_task_can_carry_is_dropped():
    rig = Rig()
    rig.worker(WORKER)
    rig.frames(Side.FRONTEND, b"many", [b"", *[b"x"] * (FRAMES_LIMIT - 2)])
    assert rig.counters["basic_request_dropped"] == 1
    rig.frames(Side.FRONTEND, b"as many as go", [b"", *[b"x"] * (FRAMES_LIMIT - 3)])
    (task,) = rig.take(WORKER, Task)
    assert isinstance(parse(encode([task]), extended=True), list)


def test_one_client_may_have_tasks_of_few_kinds_waiting():
    """Every worker with a free slot is asked about each kind."""
    rig = Rig(Settings(kinds=3))
    for number in range(5):
        rig.submit(b"rare %d" % number, needs=(f"rare-{number}",))
    rig.submit(b"like the first", needs=("rare-0",))
    rig.submit(b"of another client", client=b"fx1|other", needs=("rare-4",))
    assert [type(answer) for answer in rig.take(CLIENT, Accepted | Busy)] == [Accepted] * 3 + [Busy] * 2 + [Accepted]
    assert len(rig.take(b"fx1|other", Accepted)) == 1


@pytest.mark.parametrize("item", [[], {}])
def test_a_header_of_very_many_lists_or_maps_is_refused(item):
    header = msgpack.packb([{"type": "RESULT", "id": b"x", "outputs": [], "report": {"x": [[item] * 1000] * 1000}}])
    with pytest.raises(ProtocolError, match=r"plain values|neither large"):
        parse([b"", PPX, header], extended=True)


def test_a_lease_that_has_ended_leaves_no_timer():
    """Otherwise the timer would keep the task and its recipe in memory for the task's timeout."""
    rig = Rig()
    rig.worker(WORKER)
    for _ in range(500):
        rig.submit(b"job")
        rig.from_client(CLIENT, Cancel(b"job"))
        rig.frames(Side.FRONTEND, b"plain", [b"", b"request"])
        rig.from_worker(WORKER, *(Nack(token) for token in rig.tasks(WORKER)))
    timers = rig.core.timers
    assert len(timers) <= 2 * rig.core.report(rig.now).tasks


def test_an_outcome_that_is_asked_for_again_and_again_has_one_timer():
    rig = Rig()
    rig.worker(WORKER)
    rig.submit(b"job")
    rig.result(WORKER, rig.token(WORKER))
    for _ in range(1000):
        rig.submit(b"job")
    assert len(rig.core.timers) == 1


def test_a_beat_full_of_tokens_is_answered_bit_by_bit():
    """Otherwise 1 MiB of tokens would be answered with half a million messages."""
    rig = Rig()
    rig.worker(WORKER)
    session = rig.core.scheduler.workers[WORKER].session
    rig.from_worker(WORKER, Beat(session, tuple(b"%d" % number for number in range(LEASES_LIMIT))))
    assert len(rig.take(WORKER, Cancel)) == rig.settings.cancels


def test_malformed_messages_leave_no_trace():
    """They come from new peers all the time, tagged and not, at both ports."""
    core, rng, now = BrokerCore(Settings(peers=50), random.Random(0), 0.0), random.Random(1), 0.0

    def hear(messages):
        nonlocal now
        for number, frames in enumerate(messages):
            peer = (b"fx1|" if number % 2 else b"raw-") + rng.randbytes(12)
            core.on_message(Side.BACKEND if number % 3 else Side.FRONTEND, peer, frames, now)
            now += 0.01
            core.on_tick(now)

    messages = [frames for frames in hostile_messages(rng, 1500) if len(frames) < 1000]
    hear(messages)
    tracemalloc.start()
    hear(messages)
    before, _ = tracemalloc.get_traced_memory()
    for _ in range(2):
        hear(messages)
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert after < before + 100_000


# --- what peers keep of a broker ----


def test_a_worker_gives_back_tasks_that_it_did_not_ask_for():
    session = WorkerSession(PROFILE, random.Random(0))
    session.start(0.0)
    session.on_message(encode([Hello(b"life", b"session", 1.0, 4, 1 << 20)]), 0.0)
    tasks = [Task(b"%d" % number, b"", 3, 10.0, payload=(b"abc",)) for number in range(100)]
    actions = session.on_message(encode(tasks), 0.0)
    assert sum(isinstance(action, Run) for action in actions) == session.most_unfinished
    assert sum(isinstance(action, Send) for action in actions) == 100 - session.most_unfinished
    assert Send(Nack(b"99")) in actions


def test_a_foreign_queue_cannot_fill_a_worker():
    session = WorkerSession(PROFILE, random.Random(0))
    session.start(0.0)
    runs = [session.on_message([b"client", b"", b"body"], 0.0) for _ in range(100)]
    assert sum(isinstance(action, Run) for actions in runs for action in actions) == session.most_unfinished


# --- what is logged ----


def test_only_a_few_events_of_each_kind_are_logged_in_a_period():
    lines = RateLimit(3, 10.0)
    assert [lines.admit("a", 0.1 * number) for number in range(5)] == [1, 2, 3, 0, 0]
    assert lines.admit("b", 0.5)
    assert not lines.admit("a", 9.9)
    assert lines.admit("a", 10.0)
