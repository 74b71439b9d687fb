"""Who runs what, and what becomes of leases that end badly."""

from filterfleet.broker.settings import Settings
from filterfleet.common.wire import (
    Accepted,
    Beat,
    Cancel,
    Credit,
    Drain,
    Failed,
    Nack,
    Result,
    ResultOk,
    Task,
)
from tests.unit.broker_rig import BLOBS, IMAGE, OUTPUTS, Rig

CLIENT = b"fx1|client"
A, B, C = b"fx1|worker-a", b"fx1|worker-b", b"fx1|worker-c"


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
    report = rig.core.report(rig.now)
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
    assert rig.outcomes() == [(Result, b"1")]


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
    assert rig.outcomes() == [(Result, b"early")]


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
    assert rig.counters["workers_disconnected"] == 2


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
    assert rig.outcomes() == []
    rig.result(A, token)
    rig.result(A, token)  # its acknowledgement was lost
    assert rig.counters["stale_result"] == 4
    assert rig.outcomes() == [(Result, b"job")]


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
        assert rig.core.report(rig.now).running == 1
    rig.from_worker(A, Failed(rig.token(A), "transient", "No memory."))
    (failed,) = rig.take(CLIENT, Failed)
    assert (failed.kind, failed.reason, failed.worker) == ("permanent", "No memory.", "host")


def test_a_permanent_failure_is_not_tried_again():
    rig = Rig()
    rig.worker(A)
    rig.submit(b"job")
    rig.from_worker(A, Failed(rig.token(A), "permanent", "Damaged."))
    rig.after(60.0)
    assert rig.tasks(A) == []
    assert set(rig.take(CLIENT, Failed)) == {Failed(b"job", "permanent", "Damaged.", "host")}


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


def test_the_broker_has_time_while_tasks_wait_and_no_worker_does():
    rig = Rig()
    assert not rig.core.has_time
    rig.worker(b"fx1|one", slots=2, threads=1)
    for number in range(2):
        rig.submit(b"%d" % number)
    assert not rig.core.has_time, "nothing waits"
    rig.submit(b"2")
    assert rig.core.has_time
    rig.worker(b"fx1|two", slots=1, threads=1)
    rig.submit(b"3")
    assert not rig.core.has_time, "the other worker has nothing in reserve"
