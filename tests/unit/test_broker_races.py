"""Second leases for stragglers: the first result wins."""

from filterfleet.broker.settings import Settings
from filterfleet.common.wire import (
    Cancel,
    Failed,
    Result,
    Task,
)
from tests.unit.broker_rig import Rig

CLIENT = b"fx1|client"
A, B, C = b"fx1|worker-a", b"fx1|worker-b", b"fx1|worker-c"


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
    assert rig.outcomes() == [(Result, b"job")]
    rig.result(A, first)
    assert rig.counters["stale_result"] == 1
    assert rig.outcomes() == []


def test_a_straggler_is_raced_once():
    rig, _first, _second = straggling()
    rig.worker(C)
    rig.after(10.0)
    assert rig.tasks(C) == []


def test_the_death_of_one_racer_leaves_the_task_to_the_other():
    rig, first, _second = straggling()
    rig.die(B)
    assert rig.core.report(rig.now).waiting == 0
    rig.result(A, first)
    assert rig.outcomes() == [(Result, b"job")]


def test_a_task_that_never_ends_is_given_up_although_it_was_raced():
    """A racer that begins whenever another one's time is over would keep it alive for ever."""
    rig = Rig(Settings(task_timeout=10, expiries=2))
    rig.worker(A)
    rig.worker(B)
    rig.submit(b"endless")
    rig.after(55.0)
    (failed,) = rig.take(CLIENT, Failed)
    assert "3 tries" in failed.reason


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
    assert rig.outcomes() == [(Result, b"3"), (Result, b"2")]


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
