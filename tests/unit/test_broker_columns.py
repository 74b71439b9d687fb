"""Jobs, tasks and results in columns at the broker, and acknowledgements that wait."""

import collections

import pytest

from filterfleet.broker.actions import Side
from filterfleet.broker.settings import Settings
from filterfleet.common.wire import (
    Accepted,
    Accepteds,
    Beat,
    Busy,
    Cancel,
    Column,
    Credit,
    Failed,
    Nack,
    OutputFile,
    Result,
    ResultOk,
    ResultOks,
    Results,
    Submit,
    Submits,
    Task,
    Tasks,
)
from tests.unit.broker_rig import Rig

CLIENT, OTHER, WORKER, OLD, OLD_WORKER = b"fx1|client", b"fx1|other", b"fx1|worker", b"fx1|old", b"fx1|old worker"
HOLD = Settings().hold


def submits(*ids, recipe=b"recipe", outputs=()):
    images = [b"image of " + id_ for id_ in ids]
    sizes = tuple(map(len, images))
    return Submits(ids, recipe, ("canny",), 5, sizes, (b"".join(images),), outputs, 1 << 20)


def results(*tokens, name="edges"):
    return Results(
        tokens, (Column(name, "png"),), (3,) * len(tokens), {"n": [*range(len(tokens))]}, (b"png" * len(tokens),)
    )


@pytest.fixture
def rig():
    rig = Rig()
    rig.client(CLIENT)
    rig.from_client(CLIENT, Beat(b"", minor=1))
    rig.worker(WORKER, 8, threads=1, minor=1)
    rig.take(CLIENT)
    return rig


def test_jobs_go_out_and_results_come_back_in_columns(rig):
    rig.from_client(CLIENT, submits(b"a", b"b"))
    (tasks,) = rig.take(WORKER, Tasks)
    assert (tasks.recipe, tasks.sizes, tasks.payload) == (b"recipe", (10, 10), (b"image of aimage of b",))
    rig.from_worker(WORKER, results(*tasks.ids))
    assert rig.take(CLIENT) == [results(b"a", b"b")]  # which say that the jobs were accepted
    rig.from_client(CLIENT, ResultOks((b"a", b"b")))
    report = rig.core.report(rig.now)
    assert (report.tasks, report.held_bytes, report.result_bytes, len(rig.core.timers)) == (0, 0, 0, 0)


def test_acknowledgements_wait_for_company_and_not_for_long(rig):
    rig.from_client(CLIENT, submits(*(b"%d" % n for n in range(10))))
    (tasks,) = rig.take(WORKER, Tasks)
    assert len(tasks.ids) == 8
    rig.from_worker(WORKER, results(*tasks.ids[:1]))
    assert rig.take(CLIENT, Results | Accepteds) == [results(b"0"), Accepteds(tuple(b"%d" % n for n in range(1, 10)))]
    (ok, more) = rig.take(WORKER, Tasks | ResultOks)[::-1]
    assert (ok, len(more.ids)) == (ResultOks(tasks.ids[:1]), 1)


def test_what_nobody_goes_along_with_leaves_in_time(rig):
    rig.from_client(CLIENT, submits(b"a", b"b"))
    (tasks,) = rig.take(WORKER, Tasks)
    assert rig.take(CLIENT) == []
    rig.after(HOLD)
    assert rig.take(CLIENT) == [Accepteds((b"a", b"b"))]
    rig.from_worker(WORKER, results(*tasks.ids))
    assert rig.take(WORKER) == []
    rig.after(HOLD)
    assert rig.take(WORKER) == [ResultOks(tasks.ids)]


def test_jobs_that_come_together_find_no_more_room_than_there_is():
    """One image that is larger than all room is taken when nothing else is held, and many that are small are not."""
    rig = Rig(Settings(held_bytes=2000))
    rig.from_client(CLIENT, Beat(b"", minor=1))
    rig.from_client(CLIENT, submits(*(b"%d" % n for n in range(20))))
    assert 0 < rig.core.report(rig.now).held_bytes <= 2000
    assert rig.take(CLIENT, Busy)


def test_busy_does_not_overtake_what_was_accepted_before():
    rig = Rig(Settings(tasks=2, share=1000.0))
    rig.from_client(CLIENT, Beat(b"", minor=1))
    rig.take(CLIENT)
    rig.from_client(CLIENT, submits(b"a", b"b", b"c"))
    accepted, busy = rig.take(CLIENT)
    assert accepted == Accepteds((b"a", b"b"))
    assert busy == Busy(b"c", rig.settings.busy_delay)


def test_a_job_that_comes_again_is_accepted_and_not_run_again(rig):
    rig.from_client(CLIENT, submits(b"a", b"b"))
    rig.take(WORKER)
    rig.from_client(CLIENT, submits(b"b", b"c"))
    (tasks,) = rig.take(WORKER, Tasks)
    assert tasks.payload == (b"image of c",)
    rig.after(HOLD)
    assert rig.take(CLIENT) == [Accepteds((b"a", b"b", b"c"))]


def test_peers_of_the_version_before_get_single_messages():
    rig = Rig()
    rig.client(OLD)
    rig.worker(OLD_WORKER, 8, threads=1)
    rig.from_client(OLD, *(Submit(id_, b"r", ("canny",), 5, 1, (b"x",)) for id_ in (b"a", b"b")))
    assert rig.take(OLD, Accepted) == [Accepted(b"a"), Accepted(b"b")]
    first, second = rig.take(OLD_WORKER, Task)
    rig.from_worker(OLD_WORKER, Result(first.id, (), {}))
    assert rig.take(OLD_WORKER) == [ResultOk(first.id)]
    rig.worker(WORKER, 8, threads=1, minor=1)
    rig.from_worker(OLD_WORKER, Nack(second.id), Credit(0, 1, ("canny",), "host", "1"))
    (tasks,) = rig.take(WORKER, Tasks)
    rig.take(OLD)
    rig.from_worker(WORKER, results(*tasks.ids))
    (result,) = rig.take(OLD, Result)
    assert result == Result(b"b", (OutputFile("edges", "png", 3),), {"n": 0}, (b"png",))


def test_one_stale_row_does_not_spoil_the_others(rig):
    rig.from_client(CLIENT, submits(b"a", b"b"))
    (tasks,) = rig.take(WORKER, Tasks)
    rig.from_worker(WORKER, results(tasks.ids[0], b"stale", tasks.ids[1]))
    assert [outcome.id for outcome in rig.take(CLIENT, Result)] == [b"a", b"b"]
    assert rig.counters["stale_result"] == 1
    rig.after(HOLD)
    assert rig.take(WORKER) == [ResultOks((tasks.ids[0], b"stale", tasks.ids[1]))]


def test_rows_with_outputs_that_nobody_expects_are_refused(rig):
    rig.from_client(CLIENT, submits(b"a", outputs=("edges",)))
    (tasks,) = rig.take(WORKER, Tasks)
    rig.from_worker(WORKER, results(*tasks.ids, name="../edges"))
    assert rig.take(CLIENT, Result | Results | Failed) == []
    assert rig.counters["result_refused"] == 1


def test_each_client_gets_its_own_rows(rig):
    rig.client(OTHER)
    rig.from_client(OTHER, Beat(b"", minor=1))
    rig.take(OTHER)
    rig.from_client(CLIENT, submits(b"a", b"b"))
    rig.from_client(OTHER, submits(b"a"))
    tokens = [token for tasks in rig.take(WORKER, Tasks) for token in tasks.ids]
    rig.from_worker(WORKER, results(*tokens))
    assert [outcome.ids for outcome in rig.take(CLIENT, Results)] == [(b"a", b"b")]
    assert [outcome.id for outcome in rig.take(OTHER, Result)] == [b"a"]


def test_clients_share_many_slots_evenly(rig):
    rig.client(OTHER)
    rig.from_client(CLIENT, submits(*(b"%d" % n for n in range(1000))))
    rig.from_client(OTHER, submits(*(b"%d" % n for n in range(1000))))
    rig.take(WORKER)
    rig.worker(b"fx1|quick", 256, threads=1, minor=1)
    of_each = collections.Counter(
        lease.task.client for lease in rig.core.scheduler.workers[b"fx1|quick"].leases.values()
    )
    assert of_each == {CLIENT: 128, OTHER: 128}


def test_a_cancelled_job_leaves_the_others_of_its_message(rig):
    rig.from_client(CLIENT, submits(b"a", b"b"))
    (tasks,) = rig.take(WORKER, Tasks)
    rig.from_client(CLIENT, Cancel(b"a"))
    rig.from_worker(WORKER, results(*tasks.ids))
    assert [outcome.id for outcome in rig.take(CLIENT, Result)] == [b"b"]


def test_fewer_slots_take_nothing_back_and_give_nothing_more(rig):
    rig.from_client(CLIENT, submits(*(b"%d" % n for n in range(20))))
    (tasks,) = rig.take(WORKER, Tasks)
    rig.from_worker(WORKER, Credit(2, 1, ("canny",), "host", "1", 1), *(Nack(token) for token in tasks.ids[:2:-1]))
    assert rig.take(WORKER, Tasks) == []
    rig.from_worker(WORKER, results(*tasks.ids[:3]))
    (more,) = rig.take(WORKER, Tasks)
    assert more.payload == (b"image of 3image of 4",)  # those that were handed back, in order


def test_a_beat_is_not_answered_for_results_whose_acknowledgement_waits(rig):
    rig.from_client(CLIENT, submits(b"a"))
    (tasks,) = rig.take(WORKER, Tasks)
    session = rig.core.scheduler.workers[WORKER].session
    rig.from_worker(WORKER, results(*tasks.ids), Beat(session, tasks.ids))
    assert rig.take(WORKER, Cancel) == []


def test_a_worker_that_is_lost_loses_all_its_rows(rig):
    rig.from_client(CLIENT, submits(b"a", b"b"))
    rig.take(WORKER)
    rig.die(WORKER)
    rig.worker(b"fx1|next", 8, threads=1, minor=1)
    (tasks,) = rig.take(b"fx1|next", Tasks)
    assert len(tasks.ids) == 2


def test_an_outcome_in_columns_is_repeated_until_it_is_acknowledged(rig):
    rig.from_client(CLIENT, submits(b"a", b"b"))
    (tasks,) = rig.take(WORKER, Tasks)
    rig.from_worker(WORKER, results(*tasks.ids))
    rig.from_client(CLIENT, ResultOks((b"a",)))
    rig.take(CLIENT)
    rig.after(rig.settings.resend)
    assert rig.outcomes(CLIENT) == [(Result, b"b")]
    assert rig.core.knows(Side.FRONTEND, CLIENT)


def test_only_a_single_image_may_exceed_the_cap_of_an_empty_broker():
    rig = Rig(Settings(held_bytes=300))
    rig.from_client(CLIENT, Beat(b"", minor=1))
    rig.from_client(CLIENT, submits(b"a", b"b", b"c"))
    assert [busy.id for busy in rig.take(CLIENT, Busy)] == [b"b", b"c"]
