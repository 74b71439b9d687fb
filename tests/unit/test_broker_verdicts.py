"""What the scheduler decides, without a wire around it."""

import random

import pytest

from filterfleet.broker.books import Books
from filterfleet.broker.scheduler import Scheduler
from filterfleet.broker.settings import Settings
from filterfleet.broker.state import OPAQUE, Submitter, Task, TaskState, Worker
from filterfleet.broker.timers import Timers
from filterfleet.broker.verdicts import GaveUp, Overran, Revoked
from filterfleet.common.wire.liveness import Liveness

LIMITS = Settings(task_timeout=10.0, failures=0, expiries=0, total_losses=1, straggler_age=0.0, straggler_factor=0.0)


@pytest.fixture
def books():
    return Books(LIMITS)


@pytest.fixture
def scheduler(books):
    return Scheduler(LIMITS, random.Random(0), Timers(), books)


@pytest.fixture
def task(books, scheduler):
    client = books.clients[b"client"] = Submitter(b"client", b"", False, Liveness(0.0))
    task = Task(b"client", b"job", b"recipe", frozenset(), 5, 5, (b"image",))
    books.add(client, task)
    scheduler.queue.push(task)
    return task


def add_worker(scheduler, peer, basic=False):
    worker = scheduler.workers[peer] = Worker(peer, b"", basic, Liveness(0.0), slots=1)
    return worker


def leased(scheduler, now=0.0):
    (lease,) = scheduler.assign(now)
    return lease


def test_a_lease_that_expires_is_revoked_before_its_task_is_given_up(scheduler, task):
    add_worker(scheduler, b"worker")
    lease = leased(scheduler)
    revoked, gave_up = scheduler.expire(lease, now=1.0)
    assert revoked == Revoked(lease)
    assert gave_up == GaveUp(task, "No worker finished this image within 10 s (1 tries).", lease.worker)
    assert (scheduler.leases, scheduler.waiting) == ({}, 0)


def test_a_lease_that_was_renewed_does_not_expire(scheduler, task):
    add_worker(scheduler, b"worker")
    lease = leased(scheduler)
    scheduler.renew(lease, 1.0)
    assert list(scheduler._timers.due(10.0)) == []
    assert task.state is TaskState.RUNNING


def test_a_basic_worker_overruns_and_keeps_its_lease_until_it_is_lost(scheduler, task):
    worker = add_worker(scheduler, b"worker", basic=True)
    scheduler.queue.remove(task)
    task.needs = OPAQUE
    scheduler.queue.push(task)
    lease = leased(scheduler)
    assert scheduler.expire(lease, now=1.0) == [Overran(worker)]
    assert scheduler.leases == {lease.token: lease}
    (gave_up,) = scheduler.lose(worker, 10.0)
    assert gave_up.task is task


def test_the_end_of_a_race_revokes_the_rivals_lease(scheduler, task):
    add_worker(scheduler, b"first")
    first = leased(scheduler)
    add_worker(scheduler, b"second")
    second = leased(scheduler, 1.0)
    assert scheduler.finish(second, 1.0) == [Revoked(first)]
    assert list(scheduler.leases.values()) == [*task.leases] == [second]


@pytest.mark.parametrize("end", ["fails", "is lost"])
def test_a_task_without_tries_left_is_given_up_and_in_no_queue(scheduler, task, end):
    worker = add_worker(scheduler, b"worker")
    lease = leased(scheduler)
    (gave_up,) = scheduler.fail(lease, "No memory.", 1.0) if end == "fails" else scheduler.lose(worker, 1.0)
    assert gave_up.task is task
    assert (scheduler.leases, scheduler.waiting, task.leases) == ({}, 0, ())


def test_a_task_that_nobody_wants_any_more_is_revoked_from_its_worker(scheduler, task):
    add_worker(scheduler, b"worker")
    lease = leased(scheduler)
    assert scheduler.drop(task) == [Revoked(lease)]
    assert task.state is TaskState.ENDED
