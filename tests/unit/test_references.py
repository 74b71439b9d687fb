"""References on the wire: a client offers one, the broker passes it on, and a worker with shares takes it up."""

from __future__ import annotations

import random
from dataclasses import replace as replace_profile

import pytest
from msgspec.structs import replace

from filterfleet.broker.actions import Side
from filterfleet.common.client.actions import Deliver
from filterfleet.common.client.core import ClientCore
from filterfleet.common.errors import ProtocolError
from filterfleet.common.jobs.job import Job
from filterfleet.common.wire import Beat, Get, Hello, Nack, Result, ResultOk, Submit, Task, encode, parse
from filterfleet.common.wire.actions import Send
from filterfleet.common.wire.messages import INLINE_LIMIT
from filterfleet.worker.done import Done
from filterfleet.worker.leases.actions import Run
from tests.unit.broker_rig import OUTPUTS, Rig
from tests.unit.worker_rig import DONE, HELLO, PROFILE, Worker, sent

CLIENT, A = b"fx1|client", b"fx1|worker-a"
REFERENCE, LEFT = b"where", b"which"
TASK = Task(b"lease", b"recipe", 5, 60.0, reference=REFERENCE)
RUN = Run(b"lease", b"recipe", b"", 60.0, reference=REFERENCE)


# --- the broker ----


def submitted() -> Rig:
    rig = Rig()
    rig.worker(A, slots=1)
    rig.keeping_alive.add((Side.FRONTEND, CLIENT))
    rig.from_client(CLIENT, Submit(b"job", b"recipe", ("canny",), 5, 5, reference=REFERENCE))
    return rig


def test_a_broker_passes_on_where_the_image_is_and_keeps_count_of_it():
    rig = Rig()
    rig.from_client(CLIENT, Submit(b"job", b"recipe", ("canny",), 5, 5, reference=REFERENCE))
    with_reference = rig.core.report(rig.now).held_bytes
    rig.from_client(CLIENT, Submit(b"other", b"recipe", ("canny",), 5, 5))
    assert 2 * with_reference - rig.core.report(rig.now).held_bytes == len(REFERENCE)
    rig.worker(A)
    (task,) = rig.take(A, Task)
    assert (task.reference, task.payload, task.size) == (REFERENCE, (), 5)


def test_outputs_in_the_share_end_the_lease_at_once():
    rig = submitted()
    rig.submit(b"next")
    token = rig.token(A)
    rig.from_worker(A, Result(token, OUTPUTS, {}, left=LEFT))
    found = rig.take(A)
    assert ResultOk(token) in found
    assert [message.recipe for message in found if isinstance(message, Task)] == [b"recipe"], "its slot is free"
    (result,) = rig.take(CLIENT, Result)
    assert (result.left, result.payload, result.outputs) == (LEFT, (), OUTPUTS)
    rig.from_client(CLIENT, ResultOk(b"job"))
    assert rig.core.report(rig.now).tasks == 1


def test_a_worker_without_the_share_pulls_the_image():
    rig = submitted()
    token = rig.token(A)
    rig.from_worker(A, Get(token, "", 0, 5))
    assert rig.take(CLIENT, Get) == [Get(b"job", "", 0, 5)]


def test_outputs_in_a_share_that_the_client_has_not_named_are_malformed():
    rig = Rig()
    rig.worker(A)
    rig.submit(b"job")
    rig.from_worker(A, Result(rig.token(A), OUTPUTS, {}, left=LEFT))
    assert rig.counters["malformed"] == 1
    assert not rig.take(CLIENT, Result)


def test_outputs_of_a_lease_that_has_ended_reach_nobody():
    rig = submitted()
    token = rig.token(A)
    rig.from_worker(A, Nack(token))
    rig.from_worker(A, Result(token, OUTPUTS, {}, left=LEFT))
    assert rig.counters["stale_result"] == 1
    assert not rig.take(CLIENT, Result)


def test_outputs_do_not_lie_in_a_share_and_travel_as_well():
    with pytest.raises(ProtocolError, match="do not travel as well"):
        parse(encode([Result(b"job", OUTPUTS, {}, (b"png",), left=LEFT)]), extended=True)


# --- the worker ----


@pytest.fixture
def worker():
    worker = Worker(replace_profile(PROFILE, shares=True))
    worker.hears(HELLO)
    return worker


def test_a_worker_with_shares_looks_there_first(worker):
    assert worker.hears(TASK) == [RUN]
    worker.session.on_begun(b"lease", 0.5)
    left = Done(DONE.outputs, (), DONE.report, LEFT)
    assert worker.session.on_result(b"lease", left, 0.6) == []
    assert worker.session.on_tick(0.6) == [Send(Result(b"lease", DONE.outputs, DONE.report, left=LEFT))]
    assert worker.hears(Get(b"lease", "edges", 0, 3)) == [], "nothing is to be had from it"
    assert worker.hears(ResultOk(b"lease")) == []
    assert worker.session.idle


def test_what_is_not_in_the_share_is_pulled_and_run_then(worker):
    worker.hears(TASK)
    worker.session.on_begun(b"lease", 0.5)
    assert worker.settled(worker.session.on_not_shared(b"lease", 1.0)) == [Send(Get(b"lease", "", 0, 5))]
    assert worker.session.on_tick(2.1) == [Send(Beat(b"session", (b"lease",), ()))]


def test_an_image_that_nobody_wants_any_more_is_not_pulled(worker):
    worker.hears(TASK)
    worker.session.hand_back(0.5)
    assert worker.session.on_not_shared(b"lease", 1.0) == []


def test_a_trial_by_reference_is_a_trial(worker):
    assert worker.hears(replace(TASK, alone=True)) == [
        Run(b"lease", b"recipe", b"", 60.0, alone=True, reference=REFERENCE)
    ]


def test_a_worker_without_shares_pulls():
    worker = Worker()
    worker.hears(HELLO)
    assert sent(worker.hears(TASK), Get) == [Get(b"lease", "", 0, 5)]


def test_an_image_that_came_along_needs_no_share(worker):
    assert worker.hears(replace(TASK, payload=(b"image",))) == [Run(b"lease", b"recipe", b"image", 60.0)]


# --- the client ----


def test_a_client_offers_a_reference_and_hands_on_what_was_left():
    core = ClientCore(random.Random(1))
    core.start(0.0)
    core.on_message(encode([Hello(b"life", b"session", 1.0, 4, INLINE_LIMIT)]), 0.0)
    job = Job(b"job", b"recipe", ("canny",), 5, reference=REFERENCE)
    core.submit(job)
    (submit,) = sent(core.on_tick(0.0), Submit)
    assert (submit.reference, submit.payload) == (REFERENCE, ())
    result = Result(b"job", OUTPUTS, {}, left=LEFT)
    assert core.on_message(encode([result]), 0.1) == [Deliver(b"job", result)]
