"""The worker's side of the wire at our own broker, with a clock moved by hand."""

import dataclasses
import itertools

import pytest
from msgspec.structs import replace

from filterfleet.common.errors import ProtocolError
from filterfleet.common.wire import (
    MINOR,
    Accepted,
    Beat,
    Cancel,
    Column,
    Credit,
    Data,
    Drain,
    Failed,
    Hello,
    Nack,
    OutputFile,
    Result,
    ResultOk,
    ResultOks,
    Results,
    Task,
    Tasks,
    encode,
)
from filterfleet.common.wire.actions import Open, Send
from filterfleet.common.wire.messages import INLINE_LIMIT, TAG
from filterfleet.worker.done import Done
from filterfleet.worker.leases.actions import Abandon, Run, SendFrames
from filterfleet.worker.leases.settings import RESEND
from tests.unit.worker_rig import DONE, HELLO, PROFILE, READY, RESULT, TASK, Worker, met, sent


@pytest.fixture
def worker():
    return met()


def test_it_opens_with_ready_under_a_tagged_identity():
    (opened, ready) = Worker().opening
    assert opened.identity.startswith(TAG)
    assert ready == READY


def test_hello_is_answered_with_credit_for_threads_and_prefetch():
    assert Worker().hears(HELLO) == [Send(Credit(3, 2, ("canny",), "host/1", "1.0", MINOR))]


def test_a_task_is_run_its_result_sent_and_forgotten_when_acknowledged(worker):
    assert worker.hears(TASK) == [Run(b"lease", b"recipe", b"image", 60.0, False)]
    assert not worker.session.idle
    assert worker.ends() == [Send(RESULT)]
    assert not worker.session.idle
    assert worker.hears(ResultOk(b"lease")) == []
    assert worker.session.idle


def test_a_failure_travels_like_a_result_and_its_reason_fits_the_wire(worker):
    worker.hears(TASK)
    (failed,) = sent(worker.fails("Damaged. " * 1000, "permanent"), Failed)
    assert (failed.id, failed.kind, len(failed.reason)) == (b"lease", "permanent", 2000)
    worker.hears(ResultOk(b"lease"))
    assert worker.session.idle


def test_a_result_nobody_acknowledged_is_sent_again(worker):
    worker.hears(TASK)
    worker.ends()
    again = []
    for second in range(1, 2 * int(RESEND) + 1):
        worker.hears_frames(b"\x02", now=float(second))
        again += [float(second) for result in sent(worker.session.on_tick(float(second)), Result) if result == RESULT]
    assert again == [RESEND, 2 * RESEND]


def test_a_task_sent_twice_is_run_once(worker):
    worker.hears(TASK)
    assert worker.hears(TASK) == []


def test_a_cancelled_task_is_abandoned_and_its_result_worth_nothing(worker):
    worker.hears(TASK)
    assert worker.hears(Cancel(b"lease")) == [Abandon(b"lease")]
    assert worker.ends() == []
    assert worker.fails("Late.") == []
    assert worker.session.idle


def test_a_hello_of_another_session_voids_every_lease(worker):
    worker.hears(TASK, Task(b"finished", b"", 1, 1.0, payload=(b"x",)))
    worker.ends(b"finished")
    actions = worker.hears(Hello(b"new life", b"new", 1.0, 4, INLINE_LIMIT))
    assert actions[0] == Abandon(b"lease")
    assert len(sent(actions, Credit)) == 1
    assert worker.session.idle
    assert worker.ends() == []


def test_the_same_hello_again_is_answered_and_voids_nothing(worker):
    worker.hears(TASK)
    assert worker.hears(HELLO) == [Send(Credit(3, 2, ("canny",), "host/1", "1.0", MINOR))]
    assert worker.ends() == [Send(RESULT)]


def test_the_broker_is_told_at_once_that_a_trial_has_begun(worker):
    trial = replace(TASK, id=b"trial", alone=True)
    runs = [action for action in worker.hears(TASK, trial) if isinstance(action, Run)]
    assert [run.alone for run in runs] == [False, True]
    assert worker.session.on_begun(b"lease", 0.0) == []
    assert worker.session.on_begun(b"trial", 0.0) == [Send(Beat(b"session", (b"lease", b"trial"), ()))]
    assert worker.session.on_begun(b"trial", 0.0) == []


def test_the_broker_is_told_at_once_that_the_image_of_a_trial_has_come(worker):
    worker.hears(Task(b"trial", b"", 4, 1.0, alone=True))
    *_, beat = worker.hears(Data(b"trial", "", 0, (b"abcd",)))
    assert beat == Send(Beat(b"session", (b"trial",), (b"trial",)))


def test_heartbeats_name_the_leases_and_those_that_wait_for_a_thread(worker):
    worker.hears(TASK, Task(b"waits", b"", 1, 1.0, payload=(b"x",)), Task(b"pulls", b"", 9, 1.0))
    worker.session.on_begun(b"lease", 0.0)
    worker.session.on_begun(b"lease", 0.0)
    worker.session.on_begun(b"unknown", 0.0)
    (beat,) = sent(worker.session.on_tick(1.0), Beat)
    assert beat == Beat(b"session", (b"lease", b"waits", b"pulls"), (b"waits",))


def test_an_image_over_the_limit_is_refused_without_asking_for_it(worker):
    (action,) = worker.hears(Task(b"lease", b"", PROFILE.largest_image + 1, 1.0))
    assert (action.message.id, action.message.kind) == (b"lease", "permanent")


def test_draining_finishes_what_is_leased_and_refuses_the_rest(worker):
    worker.hears(TASK)
    assert worker.session.drain(0.0) == [Send(Drain())]
    late = worker.hears(Task(b"late", b"", 1, 1.0, payload=(b"x",)))
    assert sent(late, Nack) == [Nack(b"late")]
    assert worker.ends() == [Send(RESULT)]
    worker.hears(ResultOk(b"lease"))
    assert worker.session.idle


def test_a_broker_met_while_draining_hears_of_it_at_once():
    worker = Worker()
    worker.session.drain(0.0)
    assert [type(action.message) for action in worker.hears(HELLO)] == [Credit, Drain]


def test_handing_back_gives_up_everything_that_is_not_finished(worker):
    worker.hears(TASK, Task(b"finished", b"", 1, 1.0, payload=(b"x",)), Task(b"pulls", b"", 9, 1.0))
    worker.ends(b"finished")
    actions = worker.session.hand_back(1.0)
    assert {nack.id for nack in sent(actions, Nack)} == {b"lease", b"pulls"}
    assert Abandon(b"lease") in actions
    assert not worker.session.idle
    worker.hears(ResultOk(b"finished"))
    assert worker.session.idle


@pytest.mark.parametrize(
    "frames", [[b"\x01"], [b"junk"], [b"", b"body without an address"], encode([Accepted(b"x")]), []]
)
def test_what_no_broker_sends_to_a_worker_is_refused(worker, frames):
    with pytest.raises(ProtocolError):
        worker.session.on_message(frames, 0.0)


# --- silence ----


def test_a_silent_broker_is_met_again_on_new_sockets_after_doubling_delays():
    worker = Worker()
    openings = [(0.0, worker.opening[0].identity)]
    found = worker.silence_until(300.0)
    openings += [(when, action.identity) for when, action in found if isinstance(action, Open)]
    instants = [when for when, _ in openings]
    patience = 4.0
    delays = [later - earlier - patience for earlier, later in itertools.pairwise(instants)]
    assert delays[:7] == [1, 2, 4, 8, 16, 32, 32]
    assert len({identity for _, identity in openings}) == len(openings)
    assert len([1 for _, action in found if action == READY]) == len(openings) - 1


def test_a_word_from_the_broker_resets_the_delay():
    worker = Worker()
    worker.silence_until(20.0)
    now = worker.session.deadline()
    worker.hears_frames(b"\x02", now=now)
    openings = [when for when, action in worker.silence_until(now + 6.0) if isinstance(action, Open)]
    assert openings == [now + 5.0]


def test_leases_are_void_when_the_broker_is_dead(worker):
    worker.hears(TASK)
    assert Abandon(b"lease") in [action for _, action in worker.silence_until(4.0)]
    assert worker.session.on_result(b"lease", DONE, 5.0) == []


def test_death_follows_the_interval_that_the_broker_announced():
    worker = Worker()
    worker.hears(Hello(b"life", b"session", 0.5, 3, INLINE_LIMIT), now=10.0)
    assert [type(a) for _, a in worker.silence_until(11.49) if isinstance(a, Open)] == []
    assert worker.session.deadline() == 11.5
    assert worker.session.on_tick(11.5) == []  # waits before it tries again
    assert worker.session.deadline() == 12.5
    assert [type(action) for action in worker.session.on_tick(12.5)] == [Open, SendFrames]


# --- columns ----


@pytest.fixture
def modern():
    """One that has met a broker that knows columns."""
    worker = Worker()
    worker.hears(Hello(b"life", b"session", 1.0, 4, INLINE_LIMIT, MINOR))
    return worker


TASKS = Tasks((b"a", b"b", b"c"), b"recipe", (1, 0, 2), 60.0, (b"xyz",))


def test_tasks_in_columns_are_run_one_by_one(worker):
    assert worker.hears(TASKS) == [
        Run(b"a", b"recipe", b"x", 60.0),
        Run(b"b", b"recipe", b"", 60.0),
        Run(b"c", b"recipe", b"yz", 60.0),
    ]
    assert worker.hears(TASKS) == []


def test_results_of_one_moment_travel_in_columns(modern):
    modern.hears(TASKS)
    for lease, blob in ((b"a", b"1"), (b"b", b"22"), (b"c", b"3")):
        modern.session.on_result(lease, Done((OutputFile("edges", "png", len(blob)),), (blob,), {"width": 1}), 0.0)
    results = Results((b"a", b"b", b"c"), (Column("edges", "png"),), (1, 2, 1), {"width": [1, 1, 1]}, (b"1223",))
    assert modern.session.on_tick(0.0) == [Send(results)]
    assert modern.session.deadline() == 1.0
    assert modern.hears(ResultOks((b"a", b"c", b"unknown"))) == []
    assert not modern.session.idle
    modern.hears(ResultOk(b"b"))
    assert modern.session.idle


def test_an_old_broker_gets_one_message_for_each_result(worker):
    worker.hears(TASKS)
    for lease in (b"a", b"b"):
        worker.session.on_result(lease, DONE, 0.0)
    assert [result.id for result in sent(worker.session.on_tick(0.0), Result)] == [b"a", b"b"]


def test_results_in_columns_that_nobody_acknowledged_are_sent_again(modern):
    modern.hears(TASKS)
    modern.session.on_result(b"a", DONE, 0.0)
    modern.session.on_result(b"b", DONE, 0.0)
    (first,) = sent(modern.session.on_tick(0.0), Results)
    modern.hears_frames(b"\x02", now=RESEND - 1)
    assert sent(modern.session.on_tick(RESEND - 0.1), Results) == []
    assert sent(modern.session.on_tick(RESEND), Results) == [first]


def test_outcomes_leave_before_the_worker_does(modern):
    modern.hears(TASKS)
    modern.session.on_result(b"a", DONE, 0.0)
    actions = modern.session.hand_back(0.0)
    assert [result.id for result in sent(actions, Result)] == [b"a"]
    assert {nack.id for nack in sent(actions, Nack)} == {b"b", b"c"}


def test_a_batch_that_is_too_large_for_the_worker_is_taken_on_one_by_one(modern):
    most = modern.session.most_unfinished
    names = tuple(b"%d" % number for number in range(most + 2))
    actions = modern.hears(Tasks(names, b"recipe", (1,) * len(names), 60.0, (b"x" * len(names),)))
    assert [action.lease for action in actions if isinstance(action, Run)] == [*names[:most]]
    assert [nack.id for nack in sent(actions, Nack)] == [*names[most:]]


def test_one_image_of_a_batch_may_be_too_large():
    worker = Worker(dataclasses.replace(PROFILE, largest_image=1))
    worker.hears(Hello(b"life", b"session", 1.0, 4, INLINE_LIMIT, MINOR))
    actions = worker.hears(TASKS)
    assert [action.lease for action in actions if isinstance(action, Run)] == [b"a", b"b"]
    assert [(failed.id, failed.kind) for failed in sent(actions, Failed)] == [(b"c", "permanent")]


def test_a_worker_that_leaves_gives_a_whole_batch_back(modern):
    modern.session.drain(0.0)
    assert [nack.id for nack in sent(modern.hears(TASKS), Nack)] == [b"a", b"b", b"c"]
