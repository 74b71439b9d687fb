"""Tasks whose workers die: suspects, trials, storms."""

import pytest

from filterfleet.broker.settings import Settings
from filterfleet.common.wire import (
    Beat,
    Drain,
    Failed,
    Get,
    Result,
    Task,
)
from tests.unit.broker_rig import Rig

CLIENT = b"fx1|client"
A, B, C = b"fx1|worker-a", b"fx1|worker-b", b"fx1|worker-c"


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
    assert rig.outcomes() == [(Result, b"innocent"), (Result, b"1"), (Result, b"2")]


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
    assert rig.outcomes() == [(Result, b"innocent"), (Result, b"suspect"), (Result, b"third")]


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
    assert rig.outcomes() == [(Result, b"innocent"), (Result, b"suspect")]


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
    assert ((Result, b"suspect") in rig.outcomes()) is not blamed


def test_poison_is_called_only_after_trial_losses_in_a_calm_fleet():
    rig = Rig()
    rig.submit(b"poison")
    kill_beside_each_other(rig, rig.settings.shared_losses)
    for n in range(rig.settings.trial_losses):
        assert rig.outcomes() == []
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
    assert rig.outcomes() == [(Result, b"innocent")]


def test_the_storm_does_not_go_on_for_ever():
    rig = Rig()
    rig.submit(b"job")
    storm(rig, rig.settings.total_losses)
    assert rig.outcomes() == [(Failed, b"job")]


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
