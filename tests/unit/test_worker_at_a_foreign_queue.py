"""The worker's side of the wire at somebody else's Paranoid Pirate queue."""

from filterfleet.common.wire import (
    OutputFile,
)
from filterfleet.worker.done import Done
from filterfleet.worker.leases.actions import Run, SendFrames
from tests.unit.worker_rig import DONE, HEARTBEAT, READY, Worker


def test_a_foreign_queue_hears_the_rfcs_heartbeat():
    worker = Worker()
    worker.hears_frames(b"\x02", now=0.5)
    assert worker.session.on_tick(1.0) == [HEARTBEAT]


def test_a_request_is_run_and_answered_under_its_address():
    worker = Worker()
    (run, *_) = worker.hears_frames(b"client", b"", b"image")
    assert (run.image, run.opaque) == (b"image", True)
    answer = Done((OutputFile("answer", "", 5),), (b"reply",), {})
    assert worker.session.on_result(run.lease, answer, 1.0) == [SendFrames((b"client", b"", b"reply"))]
    assert worker.session.idle


def test_the_frames_of_a_request_are_one_image():
    (run, *_) = Worker().hears_frames(b"client", b"", b"ima", b"ge")
    assert run.image == b"image"


def test_ready_is_said_again_while_threads_are_free_and_nothing_when_none_is():
    worker = Worker()
    first, again = worker.hears_frames(b"client-1", b"", b"image")
    assert again == READY
    (_second,) = worker.hears_frames(b"client-2", b"", b"image")
    assert worker.session.on_tick(1.0) == []  # such a queue takes any message for readiness
    worker.hears_frames(b"\x02", now=1.5)
    worker.session.on_result(first.lease, Done((OutputFile("answer", "", 1),), (b"x",), {}), 1.5)
    assert worker.session.on_tick(2.0) == [HEARTBEAT]


def test_a_failed_request_is_not_answered_and_frees_its_slot():
    worker = Worker()
    (run, *_) = worker.hears_frames(b"client", b"", b"image")
    assert worker.session.on_failed(run.lease, "transient", "No memory.", 1.0) == []
    assert worker.session.idle


def test_a_draining_worker_asks_a_foreign_queue_for_nothing_more():
    worker = Worker()
    assert worker.session.drain(0.0) == []
    (run,) = worker.hears_frames(b"client", b"", b"image")
    assert isinstance(run, Run)
    assert worker.session.on_tick(1.0) == []


def test_a_saturated_worker_outlasts_the_silence_of_a_queue_that_beats_for_available_workers_only():
    session = Worker().session
    (run, _ready) = session.on_message([b"client", b"", b"long"], 0.0)
    session.on_message([b"client", b"", b"longer"], 0.0)
    for second in range(1, 20):
        session.on_tick(float(second))
        assert session.deadline() > second
    assert session.on_result(run.lease, DONE, 20.0) == [SendFrames((b"client", b"", *DONE.blobs))]
