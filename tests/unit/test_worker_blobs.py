"""Images that a worker pulls, outputs that are pulled from it, and their files."""

import gc
import os
from pathlib import Path

import pytest
from msgspec.structs import replace

from filterfleet.common.blob import FileBlob
from filterfleet.common.wire import (
    Cancel,
    Data,
    Failed,
    Get,
    Hello,
    OutputFile,
    Result,
    ResultOk,
    Task,
    encode,
)
from filterfleet.common.wire.actions import Discard, Send, Store
from filterfleet.common.wire.messages import CHUNK, INLINE_LIMIT
from filterfleet.worker.done import Done
from filterfleet.worker.leases.actions import Close, ReadBlob, Run
from tests.memory_file import FullDisk
from tests.unit.worker_rig import DONE, HELLO, RESULT, TASK, Worker, met, sent


@pytest.fixture
def worker():
    return met()


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
    assert worker.ends(done=done) == [Send(Result(b"lease", done.outputs, {}))]
    get = Get(b"lease", "b", 1, 2)
    assert worker.hears(get) == [ReadBlob(get, b"xyz")]
    assert worker.hears(Get(b"lease", "c", 0, 1)) == []
    worker.hears(ResultOk(b"lease"))
    assert worker.hears(Get(b"lease", "b", 0, 1)) == []


def test_outputs_in_files_stay_here_however_small(worker):
    worker.hears(TASK)
    file = FileBlob()
    file.append(b"png")
    assert worker.ends(done=replace(DONE, blobs=(file,))) == [Send(replace(RESULT, payload=()))]
    get = Get(b"lease", "edges", 0, 3)
    assert worker.hears(get) == [ReadBlob(get, file)]


def test_an_output_that_cannot_be_read_any_more_makes_the_task_a_failure_for_now():
    worker = Worker()
    worker.hears(Hello(b"life", b"session", 1.0, 4, inline_limit=2))
    worker.hears(TASK)
    worker.ends()
    failed = Failed(b"lease", "transient", "Gone.")
    assert worker.cannot_read() == [Send(failed)]
    assert worker.cannot_read() == []
    assert worker.hears(Get(b"lease", "edges", 0, 1)) == []
    worker.hears(ResultOk(b"lease"))
    assert worker.session.idle
    assert worker.cannot_read() == []


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
    """How many files without a name this process has open, not counting those that only garbage keeps open."""
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
    actions = worker.ends(done=replace(DONE, blobs=(output,)))
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
            actions = worker.cannot_read()
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
