"""An outcome tells its client what became of the attempts before."""

from filterfleet.broker.settings import Settings
from filterfleet.broker.tries import REASON
from filterfleet.common.wire import Beat, Credit, Failed, Nack, Result, Results, Try
from filterfleet.common.wire.messages import TRIES_LIMIT
from tests.unit.broker_rig import OUTPUTS, Rig

A, B, CLIENT = b"fx1|a", b"fx1|b", b"fx1|client"


def rig_with(worker, **settings):
    rig = Rig(Settings(**settings))
    rig.worker(worker)
    return rig


def outcome(rig):
    (found,) = rig.take(CLIENT, (Result, Failed))
    return found


def endings(rig):
    return [one.ending for one in outcome(rig).tries]


def test_a_job_whose_worker_died_tells_so_and_how_long_it_had_taken():
    rig = rig_with(A)
    rig.submit(b"job")
    rig.after(3.0)
    rig.die(A)
    rig.from_worker(B, Credit(1, 1, ("canny",), "lab/7", "1"))
    rig.after(2.0)
    rig.result(B, rig.token(B))
    assert outcome(rig).tries == (Try("host", "lost", 3.0, 2.0),)


def test_a_failure_that_passed_is_told_with_the_beginning_of_its_reason():
    rig = rig_with(A, retry_delay=1.0)
    rig.submit(b"job")
    rig.from_worker(A, Failed(rig.token(A), "transient", "No memory. " * 100))
    rig.after(2.0)
    rig.result(A, rig.token(A))
    (one,) = outcome(rig).tries
    assert (one.ending, one.reason) == ("transient", ("No memory. " * 100)[:REASON])


def test_a_task_that_took_too_long_is_told_as_expired():
    rig = rig_with(A, task_timeout=10.0, straggler_age=100.0)
    rig.submit(b"job")
    rig.token(A)
    rig.after(11.0)
    rig.result(A, rig.token(A))
    assert endings(rig) == ["expired"]


def test_only_a_task_that_had_begun_counts_as_handed_back():
    rig = rig_with(A)
    rig.submit(b"job")
    rig.from_worker(A, Nack(rig.token(A)))
    rig.after(0.1)
    token = rig.token(A)
    rig.from_worker(A, Beat(rig.core.scheduler.workers[A].session, (token,)), Nack(token))
    rig.after(0.1)
    rig.result(A, rig.token(A))
    assert endings(rig) == ["returned"]


def test_the_slower_racer_is_told_as_overtaken():
    rig = rig_with(A, straggler_age=5.0, straggler_factor=0.0)
    rig.submit(b"job")
    rig.token(A)
    rig.worker(B)
    rig.after(6.0)
    rig.result(B, rig.token(B))
    assert endings(rig) == ["overtaken"]


def test_the_last_attempt_of_a_job_that_is_given_up_is_the_outcome_itself():
    rig = rig_with(A, task_timeout=10.0, expiries=2)
    rig.submit(b"job")
    rig.after(31.0)
    assert endings(rig) == ["expired", "expired"]


def test_an_outcome_without_a_history_says_nothing_and_a_workers_own_history_is_ignored():
    rig = rig_with(A)
    rig.submit(b"job")
    rig.from_worker(A, Result(rig.token(A), OUTPUTS, {}, (b"png",), tries=(Try("nobody", "lost", 1.0, 1.0),)))
    assert outcome(rig).tries == ()


def test_one_job_with_a_history_goes_alone_and_its_neighbours_in_columns():
    rig = Rig()
    rig.from_client(CLIENT, Beat(b"", minor=1))
    for job in (b"one", b"two", b"three"):
        rig.submit(job)
    rig.worker(A, slots=1, minor=1)
    rig.die(A)
    rig.worker(B, slots=3, minor=1)
    rig.take(CLIENT)
    for lease in list(rig.core.scheduler.workers[B].leases):
        rig.result(B, lease)
    told = rig.take(CLIENT, (Result, Results))
    tries = {one.id: [earlier.ending for earlier in one.tries] for one in told if isinstance(one, Result)}
    assert tries[b"one"] == ["lost"]
    assert not any(earlier for job, earlier in tries.items() if job != b"one")


def test_no_more_than_the_latest_attempts_are_kept():
    rig = rig_with(A, failures=TRIES_LIMIT + 5, retry_delay=0.01, retry_jitter=0.0)
    rig.submit(b"job")
    for n in range(TRIES_LIMIT + 3):
        rig.from_worker(A, Failed(rig.token(A), "transient", f"{n}"))
        rig.after(0.01 * 2**n + 0.001)
    rig.result(A, rig.token(A))
    assert [one.reason for one in outcome(rig).tries] == [str(n) for n in range(3, TRIES_LIMIT + 3)]
