"""Which worker gets which task, and what follows when a lease ends badly."""

import pytest

from filterfleet.broker.settings import Settings
from filterfleet.broker.state import OBJECT
from filterfleet.common.wire import (
    Accepted,
    Beat,
    Busy,
    Cancel,
    Credit,
    Drain,
    Failed,
    Get,
    Nack,
    Result,
    ResultOk,
    Task,
)
from tests.unit.broker_rig import BLOBS, IMAGE, JOB_BYTES, OUTPUTS, Rig

CLIENT = b"fx1|client"
A, B, C = b"fx1|worker-a", b"fx1|worker-b", b"fx1|worker-c"


RESULT_BYTES = len(BLOBS[0]) + OBJECT
DONE_BYTES = len(b"recipe") + len("canny") + OBJECT  # of a job whose image is no longer needed


def outcomes(rig, client=CLIENT):
    return [(type(m), m.id) for m in rig.take(client, Result | Failed)]


def test_a_task_goes_to_a_worker_and_its_result_to_the_client():
    rig = Rig()
    rig.worker(A)
    rig.submit(b"job")
    assert rig.take(CLIENT, Accepted) == [Accepted(b"job")]
    (task,) = rig.take(A, Task)
    assert (task.recipe, task.payload, task.size, task.opaque) == (b"recipe", (IMAGE,), len(IMAGE), False)
    assert task.timeout == rig.settings.task_timeout
    rig.result(A, task.id)
    assert rig.take(A) == [ResultOk(task.id)]
    assert rig.take(CLIENT) == [Result(b"job", OUTPUTS, {}, BLOBS)]
    rig.from_client(CLIENT, ResultOk(b"job"))
    report = rig.core.report()
    assert (report.tasks, report.held_bytes, report.running) == (0, 0, 0)


def test_a_worker_never_holds_more_leases_than_it_has_slots():
    rig = Rig()
    rig.worker(A, slots=2)
    for n in range(5):
        rig.submit(b"%d" % n)
    first, _second = rig.tasks(A)
    rig.result(A, first)
    assert len(rig.tasks(A)) == 1
    rig.from_worker(A, Credit(4, 4, ("canny",), "host", "1"))
    assert len(rig.tasks(A)) == 2


def test_a_heartbeat_is_never_a_credit():
    rig = Rig()
    rig.worker(A)
    for n in range(3):
        rig.submit(b"%d" % n)
    rig.tasks(A)
    rig.after(5.0)
    assert rig.tasks(A) == []


def test_a_task_goes_only_to_a_worker_that_has_its_filters():
    rig = Rig()
    rig.worker(A, slots=5, filters=("grayscale",))
    rig.worker(B, filters=("canny", "grayscale"))
    rig.submit(b"1", needs=("canny",))
    rig.submit(b"2", needs=("canny",))
    rig.submit(b"3", needs=("grayscale",))
    assert [len(tasks) for tasks in rig.tasks(A, B)] == [1, 1]


def test_tasks_go_to_the_least_loaded_worker_first():
    rig = Rig()
    rig.worker(A, slots=6, threads=4)
    rig.worker(B, slots=3, threads=1)
    for n in range(5):
        rig.submit(b"%d" % n)
    assert [len(tasks) for tasks in rig.tasks(A, B)] == [4, 1]


def test_a_draining_worker_gets_nothing_and_keeps_what_it_has():
    rig = Rig()
    rig.worker(A, slots=2)
    rig.submit(b"1")
    token = rig.token(A)
    rig.from_worker(A, Drain())
    rig.submit(b"2")
    assert rig.tasks(A) == []
    rig.result(A, token)
    assert outcomes(rig) == [(Result, b"1")]


# --- leases that end badly ----


def test_a_lease_expires_at_exactly_its_instant():
    rig = Rig(Settings(straggler_age=1e9))
    rig.worker(A)
    rig.worker(B)
    rig.submit(b"job")
    token = rig.token(A)
    expires = rig.core.scheduler.leases[token].expires
    assert expires == rig.now + rig.settings.task_timeout
    rig.at(expires - 1e-6)
    assert rig.take(A, Cancel) == []
    rig.at(expires)
    assert rig.take(A, Cancel) == [Cancel(token)]
    assert len(rig.tasks(B)) == 1


def test_an_expired_task_returns_to_the_only_worker_that_can_do_it():
    """A regression: the worker was avoided if there were others at all, even if they lacked the filter."""
    rig = Rig(Settings(task_timeout=10))
    rig.worker(A, filters=("canny",))
    rig.worker(B, filters=("grayscale",))
    rig.submit(b"job", needs=("canny",))
    first = rig.token(A)
    rig.after(10.0)
    (cancel, task) = rig.take(A, Cancel | Task)
    assert cancel.id == first
    assert task.id != first


def test_a_task_that_nobody_finishes_in_time_is_given_up():
    rig = Rig(Settings(task_timeout=10, expiries=2))
    rig.worker(A)
    rig.submit(b"job")
    rig.after(31.0)
    assert len(rig.tasks(A)) == 3
    (failed,) = rig.take(CLIENT, Failed)
    assert failed.kind == "permanent"
    assert "3 tries" in failed.reason


def test_the_time_of_a_task_that_has_not_begun_does_not_run():
    rig = Rig(Settings(task_timeout=10))
    rig.worker(A)
    rig.submit(b"job")
    token = rig.token(A)
    session = rig.core.scheduler.workers[A].session
    for _ in range(4):
        rig.after(5.0)
        rig.from_worker(A, Beat(session, (token,), (token,)))
    assert rig.take(A, Cancel) == []
    rig.after(10.0)
    assert rig.take(A, Cancel) == [Cancel(token)]


def test_tasks_of_a_dead_worker_are_requeued_at_once_and_first():
    rig = Rig()
    rig.worker(A)
    rig.submit(b"early")
    rig.submit(b"late")
    rig.die(A)
    rig.worker(B)
    rig.result(B, rig.token(B))
    assert outcomes(rig) == [(Result, b"early")]


def test_a_silent_worker_dies_when_its_liveness_is_over():
    rig = Rig()
    rig.worker(A)
    rig.worker(B)
    rig.submit(b"job")
    rig.tasks(A)
    rig.silence(A, B)
    rig.after(rig.settings.interval * rig.settings.missed - 0.001)
    assert len(rig.core.scheduler.workers) == 2
    rig.after(rig.settings.interval)
    assert rig.core.scheduler.workers == {}
    assert rig.counters["workers_lost"] == 2


def test_a_stale_or_forged_token_is_dropped_and_counted():
    rig = Rig()
    rig.worker(A)
    rig.worker(B)
    rig.submit(b"job")
    token = rig.token(A)
    rig.result(B, token)  # another worker's lease
    rig.result(A, b"no such token...")
    rig.from_worker(B, Failed(token, "permanent", "Forged."))
    assert rig.counters["stale_result"] == 3
    assert outcomes(rig) == []
    rig.result(A, token)
    rig.result(A, token)  # its acknowledgement was lost
    assert rig.counters["stale_result"] == 4
    assert outcomes(rig) == [(Result, b"job")]


def test_a_transient_failure_is_tried_again_with_doubling_delays_and_then_given_up():
    rig = Rig(Settings(retry_delay=1.0, failures=3))
    rig.worker(A)
    rig.submit(b"job")
    for least in (1.0, 2.0, 4.0):
        rig.from_worker(A, Failed(rig.token(A), "transient", "No memory."))
        began = rig.now
        rig.at(began + least - 0.001)
        assert rig.tasks(A) == []
        rig.at(began + 1.25 * least)
        assert rig.core.report().running == 1
    rig.from_worker(A, Failed(rig.token(A), "transient", "No memory."))
    assert rig.take(CLIENT, Failed) == [Failed(b"job", "permanent", "No memory.")]


def test_a_permanent_failure_is_not_tried_again():
    rig = Rig()
    rig.worker(A)
    rig.submit(b"job")
    rig.from_worker(A, Failed(rig.token(A), "permanent", "Damaged."))
    rig.after(60.0)
    assert rig.tasks(A) == []
    assert set(rig.take(CLIENT, Failed)) == {Failed(b"job", "permanent", "Damaged.")}


def test_a_task_given_back_goes_to_the_next_worker_and_counts_for_nothing():
    rig = Rig()
    rig.worker(A)
    rig.submit(b"job")
    rig.from_worker(A, Drain(), Nack(rig.token(A)))
    rig.worker(B)
    (lease,) = rig.core.scheduler.leases.values()
    assert (lease.worker.peer, lease.task.losses, lease.task.failures) == (B, 0, 0)


def test_a_task_that_its_worker_never_received_is_leased_again():
    rig = Rig()
    rig.worker(A)
    rig.submit(b"job")
    lost = rig.token(A)
    session = rig.core.scheduler.workers[A].session
    rig.from_worker(A, Beat(session, ()))
    assert rig.tasks(A) == []  # it may still be on its way
    rig.after(rig.settings.dispatch_patience + 0.1)
    rig.from_worker(A, Beat(session, ()))
    assert rig.token(A) != lost
    assert rig.counters["lease_not_received"] == 1


def test_a_task_that_a_later_one_overtook_is_leased_again_at_once():
    rig = Rig()
    rig.worker(A, slots=2)
    rig.submit(b"1")
    lost = rig.token(A)
    rig.submit(b"2")
    later = rig.token(A)
    rig.from_worker(A, Beat(rig.core.scheduler.workers[A].session, (later,)))
    assert rig.token(A) not in (lost, later)


def test_an_unknown_lease_is_cancelled():
    rig = Rig()
    rig.worker(A)
    rig.from_worker(A, Beat(rig.core.scheduler.workers[A].session, (b"void",)))
    assert rig.take(A) == [Cancel(b"void")]


# --- poison ----


def kill_beside_each_other(rig, times):
    """The worker that holds all tasks dies, again and again."""
    for n in range(times):
        worker = b"fx1|short-lived-%d" % n
        rig.worker(worker, slots=3)
        rig.die(worker)


def test_suspects_are_tried_alone_one_after_the_other():
    rig = Rig()
    rig.submit(b"1")
    rig.submit(b"2")
    kill_beside_each_other(rig, rig.settings.shared_losses)
    assert len(rig.core.scheduler.trials.suspects) == 2
    rig.worker(A, slots=3)
    rig.submit(b"innocent")
    trial = rig.token(A)  # the other slots stay empty
    rig.worker(B, slots=3)
    rig.result(B, rig.token(B))
    rig.result(A, trial)
    rig.result(A, rig.token(A))
    assert outcomes(rig) == [(Result, b"innocent"), (Result, b"1"), (Result, b"2")]


def test_a_worker_is_emptied_before_a_trial():
    rig = Rig()
    rig.submit(b"suspect")
    kill_beside_each_other(rig, rig.settings.shared_losses - 1)
    rig.worker(A, slots=1)
    rig.worker(B, slots=2)
    rig.submit(b"innocent")
    innocent = rig.token(B)
    rig.die(A)
    rig.submit(b"third")
    assert rig.tasks(B) == []
    rig.result(B, innocent)
    rig.result(B, rig.token(B))
    rig.result(B, rig.token(B))
    assert outcomes(rig) == [(Result, b"innocent"), (Result, b"suspect"), (Result, b"third")]


def suspect_waits_for(rig, worker, beside):
    """Set up a suspect whose trial waits for this worker to finish another task. Returns the other task's lease."""
    rig.submit(b"suspect")
    kill_beside_each_other(rig, rig.settings.shared_losses - 1)
    rig.worker(A)
    rig.worker(worker)
    rig.submit(beside)
    token = rig.token(worker)
    rig.die(A)
    return token


def test_no_trial_begins_on_a_worker_that_wants_to_leave():
    rig = Rig()
    innocent = suspect_waits_for(rig, B, beside=b"innocent")
    rig.from_worker(B, Drain())
    rig.result(B, innocent)
    assert rig.tasks(B) == []
    rig.worker(C)
    rig.result(C, rig.token(C))
    assert outcomes(rig) == [(Result, b"innocent"), (Result, b"suspect")]


WAITS, BEGUN, PULLS = "it waits", "it has begun", "it pulls"
BLAMED = [(BEGUN,), (WAITS, BEGUN), (PULLS, WAITS, BEGUN)]
NOT_BLAMED = [(), (WAITS,), (PULLS, BEGUN), (PULLS, BEGUN, BEGUN), (PULLS, WAITS)]  # a BEAT during a pull says BEGUN


@pytest.mark.parametrize("said", [*BLAMED, *NOT_BLAMED])
def test_a_suspect_is_not_blamed_for_a_death_before_its_trial_has_begun(said):
    rig = Rig(Settings(task_timeout=30.0, trial_losses=1))
    suspect_waits_for(rig, B, beside=b"endless")
    rig.after(rig.settings.task_timeout)
    session = rig.core.scheduler.workers[B].session
    (trial,) = rig.take(B, Task)
    assert trial.alone
    for what in said:
        if what == PULLS:
            rig.from_worker(B, Get(trial.id, "", 0, 1))
        else:
            rig.from_worker(B, Beat(session, (trial.id,), (trial.id,) if what == WAITS else ()))
    blamed = said in BLAMED
    rig.die(B)
    rig.after(rig.settings.calm)
    rig.worker(C)
    if not blamed:
        rig.result(C, rig.token(C))
    assert ((Result, b"suspect") in outcomes(rig)) is not blamed


def test_poison_is_called_only_after_trial_losses_in_a_calm_fleet():
    rig = Rig()
    rig.submit(b"poison")
    kill_beside_each_other(rig, rig.settings.shared_losses)
    for n in range(rig.settings.trial_losses):
        assert outcomes(rig) == []
        rig.after(rig.settings.calm + 1)
        worker = b"fx1|trial-%d" % n
        rig.worker(worker, slots=3)
        rig.begin(worker)
        rig.die(worker)
    (failed,) = rig.take(CLIENT, Failed)
    assert (failed.id, failed.kind) == (b"poison", "permanent")
    assert rig.counters["dead_lettered"] == 1


def storm(rig, times):
    """The worker that holds the task dies, again and again, each time together with another worker."""
    for n in range(times):
        rig.after(rig.settings.calm + 0.1)
        holder, bystander = b"fx1|holder-%d" % n, b"fx1|bystander-%d" % n
        rig.worker(holder)
        rig.worker(bystander)
        rig.die(bystander)
        rig.die(holder)


def test_deaths_in_a_storm_are_held_against_no_task():
    rig = Rig()
    rig.submit(b"innocent")
    storm(rig, rig.settings.total_losses - 1)
    rig.after(rig.settings.calm + 0.1)
    rig.worker(A)
    rig.result(A, rig.token(A))
    assert outcomes(rig) == [(Result, b"innocent")]


def test_the_storm_does_not_go_on_for_ever():
    rig = Rig()
    rig.submit(b"job")
    storm(rig, rig.settings.total_losses)
    assert outcomes(rig) == [(Failed, b"job")]


def deaths_until_given_up(*poisons):
    rig = Rig()
    for poison in poisons:
        rig.submit(poison)
    rig.worker(A)
    deaths = given_up = 0
    while given_up < len(poisons):
        if rig.tasks(A):
            deaths += 1
            rig.begin(A)
            rig.die(A)
            rig.worker(A)
        rig.after(0.5)
        given_up += len(rig.take(CLIENT, Failed))
    return deaths


def test_poison_in_a_fleet_that_restarts_at_once_costs_few_workers():
    assert deaths_until_given_up(b"1") == Settings().shared_losses + 1 + Settings().trial_losses


def test_several_poisons_do_not_hide_each_other():
    assert deaths_until_given_up(b"1", b"2", b"3") <= 3 * deaths_until_given_up(b"1")


# --- stragglers ----


def straggling():
    rig = Rig()
    rig.worker(A)
    rig.worker(B)
    rig.submit(b"job")
    first = rig.token(A)
    rig.after(rig.settings.straggler_age - 0.1)
    assert rig.tasks(B) == []
    rig.after(1.1)
    return rig, first, rig.token(B)


def test_an_idle_worker_races_a_straggler_and_the_first_result_wins():
    rig, first, second = straggling()
    rig.result(B, second)
    assert rig.take(A) == [Cancel(first)]
    assert outcomes(rig) == [(Result, b"job")]
    rig.result(A, first)
    assert rig.counters["stale_result"] == 1
    assert outcomes(rig) == []


def test_a_straggler_is_raced_once():
    rig, _first, _second = straggling()
    rig.worker(C)
    rig.after(10.0)
    assert rig.tasks(C) == []


def test_the_death_of_one_racer_leaves_the_task_to_the_other():
    rig, first, _second = straggling()
    rig.die(B)
    assert rig.core.report().waiting == 0
    rig.result(A, first)
    assert outcomes(rig) == [(Result, b"job")]


def test_nobody_races_while_something_waits():
    rig = Rig()
    rig.worker(A)
    rig.worker(B, filters=("grayscale",), slots=2)
    rig.submit(b"slow", needs=())
    rig.submit(b"waits", needs=("canny",))
    rig.after(30.0)
    assert rig.tasks(B) == []
    rig.from_client(CLIENT, Cancel(b"waits"))
    assert len(rig.tasks(B)) == 1


def queueing(threads=1):
    """A holds three tasks and runs one on each thread. B, with two threads, is free."""
    rig = Rig()
    rig.worker(A, slots=3, threads=threads)
    for name in (b"1", b"2", b"3"):
        rig.submit(name)
    tokens = rig.tasks(A)
    rig.worker(B, slots=3, threads=2)
    return rig, tokens, rig.take(B, Task)


def test_free_threads_race_tasks_that_wait_at_a_busy_worker_at_once_the_last_in_line_first():
    rig, (_first, second, third), tasks = queueing()
    assert len(tasks) == 2
    rig.result(B, tasks[0].id)
    assert rig.take(A) == [Cancel(third)]
    rig.result(B, tasks[1].id)
    assert rig.take(A) == [Cancel(second)]
    assert outcomes(rig) == [(Result, b"3"), (Result, b"2")]


def test_a_task_that_a_thread_works_on_is_not_raced_before_it_is_late():
    rig, _tokens, tasks = queueing(threads=3)
    assert tasks == []
    rig.after(rig.settings.straggler_age - 0.1)
    assert rig.tasks(B) == []


def test_a_free_thread_of_a_busy_worker_races_a_straggler():
    rig = Rig()
    rig.worker(A, slots=2, threads=1)
    rig.submit(b"straggler")
    rig.worker(B, slots=4, threads=2)
    rig.tasks(A)
    rig.submit(b"long")
    assert len(rig.tasks(B)) == 1
    rig.after(rig.settings.straggler_age + 1.1)
    assert len(rig.tasks(B)) == 1


def test_a_racer_never_holds_more_leases_than_it_has_slots():
    rig = Rig()
    rig.worker(A, slots=4, threads=1)
    for name in (b"1", b"2", b"3", b"4"):
        rig.submit(name)
    rig.worker(B, slots=1, threads=4)
    assert len(rig.tasks(B)) == 1


def test_a_task_that_has_lost_a_worker_is_not_raced():
    rig = Rig()
    rig.worker(A, slots=2, threads=1)
    rig.submit(b"1")
    rig.submit(b"2")
    rig.die(A)
    rig.worker(B, slots=2, threads=1)
    assert len(rig.tasks(B)) == 2
    rig.worker(C, slots=2, threads=1)
    assert rig.tasks(C) == []


# --- caps, duplicates, delivery ----


@pytest.mark.parametrize("caps", [Settings(tasks=2), Settings(held_bytes=2 * JOB_BYTES)])
def test_over_the_caps_a_client_is_told_to_come_back(caps):
    rig = Rig(caps)
    for job in (b"1", b"2", b"3"):
        rig.submit(job)
    assert rig.take(CLIENT, Accepted | Busy) == [Accepted(b"1"), Accepted(b"2"), Busy(b"3", caps.busy_delay)]
    rig.from_client(CLIENT, Cancel(b"1"))
    rig.submit(b"3")
    assert rig.take(CLIENT, Accepted | Busy) == [Accepted(b"3")]


def test_an_image_bigger_than_the_cap_is_taken_when_nothing_else_is_held():
    rig = Rig(Settings(held_bytes=4))
    rig.submit(b"big")
    assert rig.take(CLIENT, Accepted) == [Accepted(b"big")]


def test_a_duplicate_submission_is_accepted_again_and_done_once():
    rig = Rig()
    rig.worker(A, slots=3)
    rig.submit(b"job")
    rig.submit(b"job")
    assert rig.take(CLIENT, Accepted) == [Accepted(b"job")] * 2
    rig.result(A, rig.token(A))
    rig.take(CLIENT)
    rig.submit(b"job")  # the result was lost on its way
    assert [type(m) for m in rig.take(CLIENT)] == [Accepted, Result]
    assert rig.core.report().tasks == 1


def test_the_same_job_of_two_clients_is_two_tasks():
    rig = Rig()
    rig.submit(b"job")
    rig.submit(b"job", client=b"fx1|other")
    assert rig.core.report().tasks == 2


def test_a_result_is_sent_again_until_it_is_acknowledged():
    rig = Rig()
    rig.worker(A)
    rig.submit(b"job")
    rig.result(A, rig.token(A))
    assert outcomes(rig) == [(Result, b"job")]
    rig.after(2 * rig.settings.resend)
    assert outcomes(rig) == [(Result, b"job")] * 2
    rig.from_client(CLIENT, ResultOk(b"job"))
    rig.after(2 * rig.settings.resend)
    assert outcomes(rig) == []


def test_only_the_latest_outcome_is_sent_again():
    rig = Rig()
    rig.worker(A)
    rig.submit(b"job")
    rig.result(A, rig.token(A), payload=())
    rig.after(rig.settings.resend - 1)
    rig.die(A)
    rig.worker(B)
    rig.result(B, rig.token(B))
    rig.take(CLIENT)
    rig.after(rig.settings.resend - 1)
    assert outcomes(rig) == []
    rig.after(1.0)
    assert outcomes(rig) == [(Result, b"job")]


def test_a_cancelled_task_stops_and_is_forgotten():
    rig = Rig()
    rig.worker(A)
    rig.submit(b"running")
    rig.submit(b"waiting")
    token = rig.token(A)
    rig.from_client(CLIENT, Cancel(b"waiting"))
    rig.from_client(CLIENT, Cancel(b"running"))
    assert rig.take(A) == [Cancel(token)]
    assert rig.core.report().tasks == 0
    assert rig.core.report().held_bytes == 0


def test_outputs_over_the_inline_limit_are_pulled_through_the_broker():
    rig = Rig()
    rig.worker(A)
    rig.submit(b"job")
    token = rig.token(A)
    rig.result(A, token, payload=())
    assert rig.take(CLIENT, Result) == [Result(b"job", OUTPUTS, {})]
    rig.from_client(CLIENT, Get(b"job", "edges", 0, 3))
    assert rig.take(A) == [Get(token, "edges", 0, 3)]
    rig.from_client(CLIENT, ResultOk(b"job"))
    assert rig.take(A) == [ResultOk(token)]
    assert rig.core.report().running == 0


@pytest.mark.parametrize("end", ["death", "nack", "failure"])
def test_a_task_whose_outputs_can_no_longer_be_pulled_runs_again(end):
    rig = Rig()
    rig.worker(A)
    rig.submit(b"job")
    token = rig.token(A)
    rig.result(A, token, payload=())
    if end == "death":
        rig.die(A)
    else:
        rig.from_worker(A, Drain(), Nack(token) if end == "nack" else Failed(token, "transient", "Lost."))
    rig.take(CLIENT)
    rig.submit(b"job")
    assert rig.take(CLIENT) == [Accepted(b"job")]  # without a result that nobody has any more
    rig.worker(B)
    rig.after(2.0)
    rig.result(B, rig.token(B))
    assert outcomes(rig) == [(Result, b"job")]


def test_bytes_are_accounted_for_until_everything_is_gone():
    rig = Rig()
    rig.worker(A, slots=4)
    for job in (b"done", b"failed", b"pulled", b"cancelled"):
        rig.submit(job)

    def held():
        report = rig.core.report()
        return report.held_bytes, report.result_bytes, report.tasks

    assert held() == (4 * JOB_BYTES, 0, 4)
    tokens = {lease.task.id: lease.token for lease in rig.core.scheduler.leases.values()}
    rig.result(A, tokens[b"done"])
    assert held() == (3 * JOB_BYTES + DONE_BYTES, RESULT_BYTES, 4)
    rig.from_worker(A, Failed(tokens[b"failed"], "permanent", "No."))
    rig.result(A, tokens[b"pulled"], payload=())
    assert held() == (2 * JOB_BYTES + 2 * DONE_BYTES, RESULT_BYTES, 4)
    rig.from_client(CLIENT, Cancel(b"cancelled"), *(ResultOk(job) for job in (b"done", b"failed", b"pulled")))
    assert held() == (0, 0, 0)
