"""Caps, duplicates, and the way of an outcome to its client."""

import pytest

from filterfleet.broker.settings import Settings
from filterfleet.broker.state import OBJECT
from filterfleet.common.wire import (
    Accepted,
    Busy,
    Cancel,
    Drain,
    Failed,
    Get,
    Nack,
    Result,
    ResultOk,
)
from tests.unit.broker_rig import BLOBS, JOB_BYTES, OUTPUTS, Rig

CLIENT = b"fx1|client"
A, B, C = b"fx1|worker-a", b"fx1|worker-b", b"fx1|worker-c"
RESULT_BYTES = len(BLOBS[0]) + OBJECT
DONE_BYTES = len(b"recipe") + len("canny") + OBJECT  # of a job whose image is not needed any more


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
    assert rig.core.report(rig.now).tasks == 1


def test_the_same_job_of_two_clients_is_two_tasks():
    rig = Rig()
    rig.submit(b"job")
    rig.submit(b"job", client=b"fx1|other")
    assert rig.core.report(rig.now).tasks == 2


def test_a_result_is_sent_again_until_it_is_acknowledged():
    rig = Rig()
    rig.worker(A)
    rig.submit(b"job")
    rig.result(A, rig.token(A))
    assert rig.outcomes() == [(Result, b"job")]
    rig.after(2 * rig.settings.resend)
    assert rig.outcomes() == [(Result, b"job")] * 2
    rig.from_client(CLIENT, ResultOk(b"job"))
    rig.after(2 * rig.settings.resend)
    assert rig.outcomes() == []


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
    assert rig.outcomes() == []
    rig.after(1.0)
    assert rig.outcomes() == [(Result, b"job")]


def test_a_cancelled_task_stops_and_is_forgotten():
    rig = Rig()
    rig.worker(A)
    rig.submit(b"running")
    rig.submit(b"waiting")
    token = rig.token(A)
    rig.from_client(CLIENT, Cancel(b"waiting"))
    rig.from_client(CLIENT, Cancel(b"running"))
    assert rig.take(A) == [Cancel(token)]
    assert rig.core.report(rig.now).tasks == 0
    assert rig.core.report(rig.now).held_bytes == 0


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
    assert rig.core.report(rig.now).running == 0


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
    assert rig.outcomes() == [(Result, b"job")]


def test_bytes_are_accounted_for_until_everything_is_gone():
    rig = Rig()
    rig.worker(A, slots=4)
    for job in (b"done", b"failed", b"pulled", b"cancelled"):
        rig.submit(job)

    def held():
        report = rig.core.report(rig.now)
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
