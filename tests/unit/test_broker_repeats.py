"""Requests of basic clients that kill workers, that are repeated, and whose clients have left."""

from __future__ import annotations

import msgpack

from filterfleet.broker.actions import Side
from filterfleet.broker.settings import Settings
from filterfleet.common.wire import Cancel, OutputFile, Result, Task
from tests.unit.broker_rig import Rig

A = b"fx1|worker-a"
POISON, PHOTOGRAPH = b"poison", b"a photograph"


def ask(rig, client, body):
    rig.frames(Side.FRONTEND, client, [b"", body])


def leave(rig, client):
    rig._do(rig.core.on_unreachable(Side.FRONTEND, client, rig.now))


def works_until(rig, is_over, patience=120.0):
    """A worker dies of poison, answers everything else, and is started again. Returns how often it has died."""
    deaths, until = 0, rig.now + patience
    if A not in rig.core.scheduler.workers:
        rig.worker(A)
    while not is_over():
        assert rig.now < until, "it goes on and on"
        for task in rig.take(A, Task):
            if task.payload == (POISON,):
                deaths += 1
                rig.begin(A)
                rig.die(A)
                rig.worker(A)
            else:
                rig.from_worker(A, Result(task.id, (OutputFile("answer", "", 3),), {}, (b"yes",)))
        rig.after(0.5)
    return deaths


def replies(rig, client):
    return [frames[-1] for frames in rig.take(client, tuple)]


def is_error(reply):
    return list(msgpack.unpackb(reply)) == ["error"]


def answered(rig, client, kept):
    """Whether this client has been answered. Its replies are added to `kept`."""
    kept += replies(rig, client)
    return bool(kept)


def test_a_request_that_is_given_up_is_answered_with_an_error():
    rig, told = Rig(), []
    ask(rig, b"client", POISON)
    works_until(rig, lambda: answered(rig, b"client", told))
    assert "died" in msgpack.unpackb(told[0])["error"]
    assert rig.core.report(rig.now).tasks == 0


def test_the_same_bytes_are_refused_for_a_while_whoever_sends_them():
    rig, told = Rig(), []
    ask(rig, b"client", POISON)
    works_until(rig, lambda: answered(rig, b"client", told))
    ask(rig, b"another", POISON)
    assert replies(rig, b"another") == told
    assert rig.core.report(rig.now).tasks == 0
    ask(rig, b"another", PHOTOGRAPH)
    assert works_until(rig, lambda: answered(rig, b"another", told)) == 0
    rig.after(rig.settings.repeat_life)
    ask(rig, b"another", POISON)
    assert rig.core.report(rig.now).tasks == 1


def test_a_lazy_pirate_that_repeats_its_request_costs_few_workers():
    rig, told, names = Rig(), [], []

    def comes_again():
        """Every 2.5 s it gives up, and asks under another name."""
        if names and answered(rig, names[-1], told):
            return True
        if len(names) * 2.5 <= rig.now - 1000.0:
            if names:
                leave(rig, names[-1])
            names.append(b"client-%d" % len(names))
            ask(rig, names[-1], POISON)
        return False

    deaths = works_until(rig, comes_again)
    assert deaths <= rig.settings.shared_losses + 1 + rig.settings.trial_losses
    assert is_error(told[0])


def test_many_clients_with_the_same_poison_cost_no_more_workers_than_one():
    rig, told = Rig(), []
    clients = [b"client-%d" % n for n in range(10)]
    for client in clients:
        ask(rig, client, POISON)
    deaths = works_until(rig, lambda: answered(rig, clients[0], told))
    assert deaths <= rig.settings.shared_losses + 1 + rig.settings.trial_losses
    assert all(replies(rig, client) == told for client in clients[1:])


def test_an_innocent_client_is_served_beside_one_that_repeats_poison():
    rig, told = Rig(), []
    ask(rig, b"client", POISON)
    works_until(rig, lambda: answered(rig, b"client", told))
    for n in range(20):
        ask(rig, b"client-%d" % n, POISON)
    ask(rig, b"innocent", PHOTOGRAPH)
    kept = []
    works_until(rig, lambda: answered(rig, b"innocent", kept), patience=1.0)
    assert kept == [b"yes"]


def test_what_a_worker_has_answered_is_forgiven():
    rig, told = Rig(Settings(shared_losses=2)), []
    ask(rig, b"client", PHOTOGRAPH)
    rig.worker(A)
    rig.die(A)
    works_until(rig, lambda: answered(rig, b"client", told))
    ask(rig, b"client", PHOTOGRAPH)
    (task,) = rig.take(A, Task)
    rig.die(A)
    rig.worker(A)
    (task,) = rig.take(A, Task)
    assert not task.alone


def test_what_is_remembered_is_bounded():
    rig = Rig(Settings(repeats=3))
    for n in range(5):
        ask(rig, b"client", b"image %d" % n)
    rig.worker(A, slots=5)
    rig.die(A)
    assert len(rig.core.scheduler.repeats._records) == 3


# --- clients that have left ----


def test_requests_of_clients_that_have_left_do_not_wait_before_others():
    rig = Rig()
    for n in range(20):
        ask(rig, b"client-%d" % n, PHOTOGRAPH)
    for n in range(20):
        leave(rig, b"client-%d" % n)
    assert rig.core.report(rig.now).tasks == 0
    ask(rig, b"innocent", PHOTOGRAPH)
    kept = []
    works_until(rig, lambda: answered(rig, b"innocent", kept), patience=1.0)


def test_a_request_that_no_thread_has_begun_is_taken_back_when_its_client_leaves():
    rig = Rig()
    rig.worker(A)
    ask(rig, b"client", PHOTOGRAPH)
    leave(rig, b"client")
    assert len(rig.take(A, Cancel)) == 1
    assert rig.core.report(rig.now).tasks == 0


def test_nobody_gets_the_reply_for_a_client_that_has_left():
    rig = Rig()
    rig.worker(A)
    ask(rig, b"client", PHOTOGRAPH)
    (task,) = rig.take(A, Task)
    rig.begin(A)
    leave(rig, b"client")
    ask(rig, b"client", b"the request of somebody else who has the name now")
    rig.from_worker(A, Result(task.id, (OutputFile("answer", "", 3),), {}, (b"yes",)))
    assert replies(rig, b"client") == []
    assert rig.core.report(rig.now).tasks == 1


def test_a_request_of_a_client_that_has_left_is_not_tried_again():
    rig = Rig()
    rig.worker(A)
    ask(rig, b"client", PHOTOGRAPH)
    rig.begin(A)
    leave(rig, b"client")
    assert rig.core.report(rig.now).tasks == 1
    rig.die(A)
    assert (rig.core.report(rig.now).tasks, rig.core.books.orphans) == (0, set())
