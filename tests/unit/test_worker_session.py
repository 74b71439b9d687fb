"""The worker's side of the wire, with a clock moved by hand."""

import gc
import itertools
import os
import random
from dataclasses import replace
from pathlib import Path

import pytest

from filterfleet.common.blob import FileBlob
from filterfleet.common.errors import ProtocolError
from filterfleet.common.wire import (
    Accepted,
    Beat,
    Cancel,
    Credit,
    Data,
    Drain,
    Failed,
    Get,
    Hello,
    Nack,
    OutputFile,
    Result,
    ResultOk,
    Task,
    encode,
)
from filterfleet.common.wire.actions import Discard, Open, Send, Store
from filterfleet.common.wire.messages import CHUNK, INLINE_LIMIT, TAG
from filterfleet.worker.leases.actions import Abandon, Close, Done, Profile, ReadBlob, Run, SendFrames
from filterfleet.worker.leases.session import WorkerSession
from filterfleet.worker.leases.settings import RESEND
from tests.memory_file import FullDisk, MemoryFile, Shelf

READY, HEARTBEAT = SendFrames((b"\x01",)), SendFrames((b"\x02",))
PROFILE = Profile(2, 1, ("canny",), "host/1", "1.0", 10 * CHUNK)
HELLO = Hello(b"life", b"session", 1.0, 4, INLINE_LIMIT)
TASK = Task(b"lease", b"recipe", 5, 60.0, payload=(b"image",))
DONE = Done((OutputFile("edges", "png", 3),), (b"png",), {"width": 1})
RESULT = Result(b"lease", DONE.outputs, DONE.report, DONE.blobs)


class Worker:
    def __init__(self, profile=PROFILE, new_file=MemoryFile):
        self.session = WorkerSession(profile, random.Random(1))
        self.shelf = Shelf(new_file)
        self.opening = self.session.start(0.0)

    def hears(self, *messages, now=0.0):
        return self.settled(self.session.on_message(encode(messages), now), now)

    def settled(self, actions, now=0.0):
        return self.shelf.settle(self.session, actions, now)

    def hears_frames(self, *frames, now=0.0):
        return self.session.on_message(list(frames), now)

    def silence_until(self, now):
        """Every action of the ticks that the session asks for, with their instants."""
        found = []
        while self.session.deadline() <= now:
            instant = self.session.deadline()
            found += [(instant, action) for action in self.settled(self.session.on_tick(instant), instant)]
        return found


@pytest.fixture
def worker():
    """One that has met our broker."""
    worker = Worker()
    worker.hears(HELLO)
    return worker


def sent(actions, kind):
    return [action.message for action in actions if isinstance(action, Send) and isinstance(action.message, kind)]


# --- our own broker ----


def test_it_opens_with_ready_under_a_tagged_identity():
    (opened, ready) = Worker().opening
    assert opened.identity.startswith(TAG)
    assert ready == READY


def test_hello_is_answered_with_credit_for_threads_and_prefetch():
    assert Worker().hears(HELLO) == [Send(Credit(3, 2, ("canny",), "host/1", "1.0"))]


def test_a_task_is_run_its_result_sent_and_forgotten_when_acknowledged(worker):
    assert worker.hears(TASK) == [Run(b"lease", b"recipe", b"image", 60.0, False)]
    assert not worker.session.idle
    assert worker.session.on_result(b"lease", DONE, 1.0) == [Send(RESULT)]
    assert not worker.session.idle
    assert worker.hears(ResultOk(b"lease")) == []
    assert worker.session.idle


def test_a_failure_travels_like_a_result_and_its_reason_fits_the_wire(worker):
    worker.hears(TASK)
    (failed,) = sent(worker.session.on_failed(b"lease", "permanent", "Damaged. " * 1000, 1.0), Failed)
    assert (failed.id, failed.kind, len(failed.reason)) == (b"lease", "permanent", 2000)
    worker.hears(ResultOk(b"lease"))
    assert worker.session.idle


def test_a_result_nobody_acknowledged_is_sent_again(worker):
    worker.hears(TASK)
    worker.session.on_result(b"lease", DONE, 0.0)
    again = []
    for second in range(1, 2 * int(RESEND) + 1):
        worker.hears_frames(b"\x02", now=float(second))
        again += [float(second) for result in sent(worker.session.on_tick(float(second)), Result) if result == RESULT]
    assert again == [RESEND, 2 * RESEND]


def test_a_task_sent_twice_is_run_once(worker):
    worker.hears(TASK)
    assert worker.hears(TASK) == []


def test_a_cancelled_task_is_abandoned_and_its_result_worth_nothing(worker):
    worker.hears(TASK)
    assert worker.hears(Cancel(b"lease")) == [Abandon(b"lease")]
    assert worker.session.on_result(b"lease", DONE, 1.0) == []
    assert worker.session.on_failed(b"lease", "transient", "Late.", 1.0) == []
    assert worker.session.idle


def test_a_hello_of_another_session_voids_every_lease(worker):
    worker.hears(TASK, Task(b"finished", b"", 1, 1.0, payload=(b"x",)))
    worker.session.on_result(b"finished", DONE, 0.0)
    actions = worker.hears(Hello(b"new life", b"new", 1.0, 4, INLINE_LIMIT))
    assert actions[0] == Abandon(b"lease")
    assert len(sent(actions, Credit)) == 1
    assert worker.session.idle
    assert worker.session.on_result(b"lease", DONE, 1.0) == []


def test_the_same_hello_again_is_answered_and_voids_nothing(worker):
    worker.hears(TASK)
    assert worker.hears(HELLO) == [Send(Credit(3, 2, ("canny",), "host/1", "1.0"))]
    assert worker.session.on_result(b"lease", DONE, 1.0) == [Send(RESULT)]


def test_the_broker_is_told_at_once_that_a_trial_has_begun(worker):
    trial = replace(TASK, id=b"trial", alone=True)
    runs = [action for action in worker.hears(TASK, trial) if isinstance(action, Run)]
    assert [run.alone for run in runs] == [False, True]
    assert worker.session.on_begun(b"lease") == []
    assert worker.session.on_begun(b"trial") == [Send(Beat(b"session", (b"lease", b"trial"), ()))]
    assert worker.session.on_begun(b"trial") == []


def test_the_broker_is_told_at_once_that_the_image_of_a_trial_has_come(worker):
    worker.hears(Task(b"trial", b"", 4, 1.0, alone=True))
    *_, beat = worker.hears(Data(b"trial", "", 0, (b"abcd",)))
    assert beat == Send(Beat(b"session", (b"trial",), (b"trial",)))


def test_heartbeats_name_the_leases_and_those_that_wait_for_a_thread(worker):
    worker.hears(TASK, Task(b"waits", b"", 1, 1.0, payload=(b"x",)), Task(b"pulls", b"", 9, 1.0))
    worker.session.on_begun(b"lease")
    worker.session.on_begun(b"lease")
    worker.session.on_begun(b"unknown")
    (beat,) = sent(worker.session.on_tick(1.0), Beat)
    assert beat == Beat(b"session", (b"lease", b"waits", b"pulls"), (b"waits",))


def test_an_image_over_the_limit_is_refused_without_asking_for_it(worker):
    (action,) = worker.hears(Task(b"lease", b"", PROFILE.largest_image + 1, 1.0))
    assert (action.message.id, action.message.kind) == (b"lease", "permanent")


def test_a_big_image_is_pulled_in_chunks_and_then_run(worker):
    image = b"0123456789abcdef" * (CHUNK // 16) + b"end"
    asked = sent(worker.hears(Task(b"lease", b"recipe", len(image), 60.0)), Get)
    assert asked == [Get(b"lease", "", 0, CHUNK), Get(b"lease", "", CHUNK, 3)]
    assert worker.hears(Data(b"lease", "", CHUNK, (b"end",))) == []
    assert worker.hears(Data(b"lease", "", 0, (b"short",))) == []
    assert worker.hears(Data(b"lease", "", 0, (image[:CHUNK],))) == [Run(b"lease", b"recipe", image, 60.0, False)]


def test_a_chunk_that_got_lost_is_asked_for_again(worker):
    worker.hears(Task(b"lease", b"", 3, 60.0))
    asked = []
    for second in range(1, 8):
        worker.hears_frames(b"\x02", now=float(second))
        asked += [second for get in sent(worker.session.on_tick(float(second)), Get) if get.offset == 0]
    assert asked == [5]


def test_big_outputs_stay_here_until_they_are_pulled():
    worker = Worker()
    worker.hears(Hello(b"life", b"session", 1.0, 4, inline_limit=5))
    worker.hears(TASK)
    done = Done((OutputFile("a", "png", 4), OutputFile("b", "png", 3)), (b"aaaa", b"xyz"), {})
    assert worker.session.on_result(b"lease", done, 0.0) == [Send(Result(b"lease", done.outputs, {}))]
    get = Get(b"lease", "b", 1, 2)
    assert worker.hears(get) == [ReadBlob(get, b"xyz")]
    assert worker.hears(Get(b"lease", "c", 0, 1)) == []
    worker.hears(ResultOk(b"lease"))
    assert worker.hears(Get(b"lease", "b", 0, 1)) == []


def test_outputs_in_files_stay_here_however_small(worker):
    worker.hears(TASK)
    file = FileBlob()
    file.append(b"png")
    assert worker.session.on_result(b"lease", replace(DONE, blobs=(file,)), 0.0) == [Send(replace(RESULT, payload=()))]
    get = Get(b"lease", "edges", 0, 3)
    assert worker.hears(get) == [ReadBlob(get, file)]


def test_an_output_that_cannot_be_read_any_more_makes_the_task_a_failure_for_now():
    worker = Worker()
    worker.hears(Hello(b"life", b"session", 1.0, 4, inline_limit=2))
    worker.hears(TASK)
    worker.session.on_result(b"lease", DONE, 0.0)
    failed = Failed(b"lease", "transient", "Gone.")
    assert worker.session.on_unreadable(b"lease", "Gone.", 1.0) == [Send(failed)]
    assert worker.session.on_unreadable(b"lease", "Gone.", 1.0) == []
    assert worker.hears(Get(b"lease", "edges", 0, 1)) == []
    worker.hears(ResultOk(b"lease"))
    assert worker.session.idle
    assert worker.session.on_unreadable(b"lease", "Gone.", 2.0) == []


def no_file():
    raise OSError(24, "Too many open files")


@pytest.mark.parametrize(
    ("new_file", "error"), [(FullDisk, "No space left on device"), (no_file, "Too many open files")]
)
def test_a_disk_without_room_for_an_image_is_a_failure_for_now(new_file, error):
    worker = Worker(new_file=new_file)
    worker.hears(HELLO)
    actions = worker.hears(Task(b"lease", b"", 3, 60.0))
    actions += worker.hears(Data(b"lease", "", 0, (b"abc",)))
    (failed,) = sent(actions, Failed)
    reason = f"The worker cannot keep the image on its disk: {error} ($TMPDIR)."
    assert failed == Failed(b"lease", "transient", reason)
    assert worker.hears(Data(b"lease", "", 0, (b"abc",))) == []
    worker.hears(ResultOk(b"lease"))
    assert worker.session.idle


def open_files():
    """Those without a name, of this process, that are not only kept open by garbage."""
    gc.collect()
    return sum(os.path.realpath(link).endswith(" (deleted)") for link in Path("/proc/self/fd").iterdir())


@pytest.mark.parametrize("end", ["cancelled", "silence", "handed back"])
def test_the_space_of_a_half_pulled_image_is_free_when_its_lease_has_ended(end):
    worker = Worker(new_file=FileBlob)
    worker.hears(HELLO)
    before = open_files()
    worker.hears(Task(b"lease", b"", 2 * CHUNK, 60.0))
    worker.hears(Data(b"lease", "", 0, (bytes(CHUNK),)))
    assert open_files() == before + 1
    if end == "cancelled":
        worker.hears(Cancel(b"lease"))
    elif end == "silence":
        worker.silence_until(4.0)
    else:
        worker.settled(worker.session.hand_back(1.0))
    assert open_files() == before


@pytest.mark.parametrize("end", ["acknowledged", "cancelled", "silence", "another session", "unreadable", "late"])
def test_the_file_of_an_output_is_closed_when_its_lease_has_ended(worker, end):
    output = FileBlob()
    worker.hears(TASK)
    if end == "late":
        worker.hears(Cancel(b"lease"))
    actions = worker.session.on_result(b"lease", replace(DONE, blobs=(output,)), 0.0)
    match end:
        case "acknowledged":
            actions = worker.hears(ResultOk(b"lease"))
        case "cancelled":
            actions = worker.hears(Cancel(b"lease"))
        case "silence":
            actions = [action for _, action in worker.silence_until(4.0)]
        case "another session":
            actions = worker.hears(Hello(b"new life", b"new", 1.0, 4, INLINE_LIMIT))
        case "unreadable":
            actions = worker.session.on_unreadable(b"lease", "Gone.", 1.0)
    assert Close(output) in actions


def test_an_image_is_run_when_its_last_part_has_been_stored_and_not_before(worker):
    session = worker.session
    worker.hears(Task(b"lease", b"recipe", CHUNK + 3, 60.0))
    parts = [Data(b"lease", "", CHUNK, (b"end",)), Data(b"lease", "", 0, (bytes(CHUNK),))]
    actions = session.on_message(encode(parts), 0.0)
    assert actions == [Store(1, CHUNK, b"end"), Store(1, 0, bytes(CHUNK))]
    assert session.on_message(encode(parts), 0.0) == []  # while they are being stored
    assert session.on_stored(1, CHUNK, 0.0) == []
    assert session.on_stored(1, 0, 0.0) == [Run(b"lease", b"recipe", 1, 60.0)]


def test_parts_that_are_stored_for_a_lease_that_has_ended_are_discarded(worker):
    session = worker.session
    worker.hears(Task(b"lease", b"recipe", 3, 60.0))
    actions = session.on_message(encode([Data(b"lease", "", 0, (b"abc",)), Cancel(b"lease")]), 0.0)
    assert actions == [Store(1, 0, b"abc"), Discard(1)]
    assert session.on_stored(1, 0, 0.0) == [Discard(1)]
    assert session.on_unstorable(1, "No space left on device", 0.0) == [Discard(1)]
    assert session.idle


def test_draining_finishes_what_is_leased_and_refuses_the_rest(worker):
    worker.hears(TASK)
    assert worker.session.drain(0.0) == [Send(Drain())]
    late = worker.hears(Task(b"late", b"", 1, 1.0, payload=(b"x",)))
    assert sent(late, Nack) == [Nack(b"late")]
    assert worker.session.on_result(b"lease", DONE, 1.0) == [Send(RESULT)]
    worker.hears(ResultOk(b"lease"))
    assert worker.session.idle


def test_a_broker_met_while_draining_hears_of_it_at_once():
    worker = Worker()
    worker.session.drain(0.0)
    assert [type(action.message) for action in worker.hears(HELLO)] == [Credit, Drain]


def test_handing_back_gives_up_everything_that_is_not_finished(worker):
    worker.hears(TASK, Task(b"finished", b"", 1, 1.0, payload=(b"x",)), Task(b"pulls", b"", 9, 1.0))
    worker.session.on_result(b"finished", DONE, 0.0)
    actions = worker.session.hand_back(1.0)
    assert {nack.id for nack in sent(actions, Nack)} == {b"lease", b"pulls"}
    assert Abandon(b"lease") in actions
    assert not worker.session.idle
    worker.hears(ResultOk(b"finished"))
    assert worker.session.idle


@pytest.mark.parametrize(
    "frames", [[b"\x01"], [b"junk"], [b"", b"body without an address"], encode([Accepted(b"x")]), []]
)
def test_what_no_broker_sends_to_a_worker_is_refused(worker, frames):
    with pytest.raises(ProtocolError):
        worker.session.on_message(frames, 0.0)


# --- silence ----


def test_a_silent_broker_is_met_again_on_new_sockets_after_doubling_delays():
    worker = Worker()
    openings = [(0.0, worker.opening[0].identity)]
    found = worker.silence_until(300.0)
    openings += [(when, action.identity) for when, action in found if isinstance(action, Open)]
    instants = [when for when, _ in openings]
    patience = 4.0
    delays = [later - earlier - patience for earlier, later in itertools.pairwise(instants)]
    assert delays[:7] == [1, 2, 4, 8, 16, 32, 32]
    assert len({identity for _, identity in openings}) == len(openings)
    assert len([1 for _, action in found if action == READY]) == len(openings) - 1


def test_a_word_from_the_broker_resets_the_delay():
    worker = Worker()
    worker.silence_until(20.0)
    now = worker.session.deadline()
    worker.hears_frames(b"\x02", now=now)
    openings = [when for when, action in worker.silence_until(now + 6.0) if isinstance(action, Open)]
    assert openings == [now + 5.0]


def test_leases_are_void_when_the_broker_is_dead(worker):
    worker.hears(TASK)
    assert Abandon(b"lease") in [action for _, action in worker.silence_until(4.0)]
    assert worker.session.on_result(b"lease", DONE, 5.0) == []


def test_death_follows_the_interval_that_the_broker_announced():
    worker = Worker()
    worker.hears(Hello(b"life", b"session", 0.5, 3, INLINE_LIMIT), now=10.0)
    assert [type(a) for _, a in worker.silence_until(11.49) if isinstance(a, Open)] == []
    assert worker.session.deadline() == 11.5
    assert worker.session.on_tick(11.5) == []  # waits before it tries again
    assert worker.session.deadline() == 12.5
    assert [type(action) for action in worker.session.on_tick(12.5)] == [Open, SendFrames]


# --- somebody else's Paranoid Pirate queue ----


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
