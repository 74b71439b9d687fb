"""The listener's end of a share: what it collects, what it refuses, what it sweeps, and when it goes by value."""

from __future__ import annotations

import logging
import os
import stat
from concurrent.futures import Future

import pytest
from msgspec.structs import replace

from filterfleet.common.errors import FleetError, ProtocolError
from filterfleet.common.files import write_into
from filterfleet.common.jobs.job import Job, job_id
from filterfleet.common.left import LeftFile
from filterfleet.common.opening import opened
from filterfleet.common.shares.names import Share
from filterfleet.common.shares.reference import file_name, leave
from filterfleet.common.shares.room import secret_of
from filterfleet.common.wire import Failed, Result
from filterfleet.listener.settings.location import parse_location
from filterfleet.listener.shares import Exchange, Place, Sharing, make_shares, open_exchange, shares_between
from tests.unit.share_rig import PHOTO, RECIPE, Ends, result_of

STEM = b"s" * 16


@pytest.fixture
def ends(tmp_path):
    ends = Ends(tmp_path)
    yield ends
    ends.exchange.close()


def worked(ends):
    """A reference, and the result of the worker that has followed it."""
    reference = ends.refer(ends.put())
    return reference, result_of(ends.work(reference))


# --- collecting ----


def test_outputs_are_moved_into_their_places_with_the_rights_of_ordinary_files(ends, tmp_path):
    reference, result = worked(ends)
    inodes = [file.stat().st_ino for file in sorted(ends.scratch.iterdir())]
    files = ends.exchange.collect(reference, result)
    (tmp_path / "out").mkdir()
    with opened(tmp_path / "out") as out, opened(tmp_path) as scratch:
        for number, file in enumerate(files):
            write_into(out, str(number), file, scratch)
        write_into(out, "again", files[0], scratch)  # another image with the same content
    for file in files:
        file.close()
    new = tmp_path / "ordinary"
    new.touch()
    for number, inode in enumerate(inodes):
        found = (tmp_path / "out" / str(number)).stat()
        assert (found.st_ino, found.st_mode) == (inode, new.stat().st_mode)
    assert (tmp_path / "out" / "again").read_bytes() == (tmp_path / "out" / "0").read_bytes()
    assert (tmp_path / "out" / "again").stat().st_ino != inodes[0]
    assert not list(ends.scratch.iterdir())


def test_outputs_that_nobody_wants_any_more_are_removed(ends):
    reference, result = worked(ends)
    for file in ends.exchange.collect(reference, result):
        file.close()
    assert not list(ends.scratch.iterdir())


def test_outputs_that_somebody_removes_are_still_there(ends, tmp_path):
    reference, result = worked(ends)
    files = ends.exchange.collect(reference, result)
    ends.exchange.sweep(-10)
    assert not list(ends.scratch.iterdir())
    with opened(tmp_path) as out:
        write_into(out, "out.png", files[0], out)
    assert (tmp_path / "out.png").stat().st_size == result.outputs[0].size
    for file in files:
        file.close()


@pytest.mark.parametrize("spoil", ["missing", "shorter", "link", "another name", "folder"])
def test_outputs_that_are_not_what_the_worker_says_are_refused(ends, tmp_path, spoil):
    reference, result = worked(ends)
    _, second = sorted(ends.scratch.iterdir())
    match spoil:
        case "missing":
            second.unlink()
        case "shorter":
            os.truncate(second, 1)
        case "link":
            second.rename(tmp_path / "elsewhere")
            second.symlink_to(tmp_path / "elsewhere")
        case "another name":
            os.link(second, tmp_path / "elsewhere")
        case "folder":
            second.unlink()
            second.mkdir()
    descriptors = len(os.listdir("/proc/self/fd"))
    with pytest.raises((OSError, ProtocolError)):
        ends.exchange.collect(reference, result)
    assert len(os.listdir("/proc/self/fd")) == descriptors


def test_outputs_of_another_task_are_not_collected(ends):
    """The worker, or whoever has its lease's place, says that they are its own."""
    _, result = worked(ends)
    another = ends.refer(ends.put("b.png", PHOTO + b" "))
    with pytest.raises(ProtocolError, match="not those of this task"):
        ends.exchange.collect(another, result)


def test_outputs_are_collected_only_from_one_who_sees_the_share(ends):
    reference, result = worked(ends)
    sizes = [output.size for output in result.outputs]
    stem = result.left[:16]
    forged = Result(result.id, result.outputs, {}, left=leave(stem, sizes, reference, bytes(32)))
    with pytest.raises(ProtocolError, match="not those of this task"):
        ends.exchange.collect(reference, forged)
    true = Result(result.id, result.outputs, {}, left=leave(stem, sizes, reference, secret_of(ends.share)))
    for file in ends.exchange.collect(reference, true):
        file.close()


# --- sweeping ----


def test_what_nobody_has_collected_is_swept_when_it_is_old_and_at_the_next_start(ends):
    old, new = ends.scratch / file_name(STEM, 0), ends.scratch / file_name(STEM, 1)
    for file in (old, new):
        file.write_bytes(b"")
    os.utime(old, (0, 0))
    ends.exchange.sweep(3600.0)
    assert list(ends.scratch.iterdir()) == [new]
    ends.exchange.close()
    ends.exchange = Exchange(Place("lab", "photos", ends.share, "0" * 16))
    assert not list(ends.scratch.iterdir())


def test_the_secret_outlives_its_listener_and_nobody_else_can_read_it(ends):
    reference = ends.refer(ends.put())
    ends.exchange.close()
    ends.exchange = Exchange(Place("lab", "photos", ends.share, "0" * 16))
    assert ends.refer(ends.photos / "trip" / "a.png") == reference
    room = ends.scratch.parent
    assert [stat.S_IMODE(path.stat().st_mode) for path in (room, room / "key", ends.scratch)] == [0o700, 0o600, 0o700]


# --- which shares serve ----


def test_an_empty_file_and_one_in_memory_travel(ends):
    assert ends.refer(ends.put(content=b"")) == b""
    assert ends.exchange.refer(PHOTO, b"c" * 32) == b""


@pytest.mark.parametrize(
    ("texts", "serves"),
    [
        ((), False),
        (("lab={root}",), True),
        (("lab={root}:ro",), False),
        (("in={root}/in:ro", "out={root}/out"), True),
        (("in={root}/in:ro", "beside={root}/beside"), True),  # the same file system
        (("in={root}/in:ro", "elsewhere=/proc"), False),
        (("out={root}/out",), False),
        (("in={root}/in:ro", "out={root}/missing"), False),
    ],
)
def test_a_share_serves_if_it_has_the_source_and_one_can_take_the_outputs(tmp_path, texts, serves):
    for name in ("in", "out", "beside"):
        (tmp_path / name).mkdir()
    shares = [text.format(root=tmp_path) for text in texts]
    with open_exchange(shares, tmp_path / "in", tmp_path / "out") as exchange:
        assert (exchange is not None) == serves
    assert not (tmp_path / "in" / ".filterfleet").exists()


def test_a_cloud_is_in_no_share(tmp_path):
    (tmp_path / "in").mkdir()
    cloud = parse_location("store:photos")
    assert shares_between(cloud, tmp_path) == shares_between(tmp_path, cloud) == make_shares(tmp_path, cloud) == []
    with open_exchange([f"lab={tmp_path}"], tmp_path / "in", cloud) as exchange:
        assert exchange is None


def test_by_themselves_both_folders_are_shares_and_nothing_is_put_into_the_source(tmp_path):
    for name in ("in", "out"):
        (tmp_path / name).mkdir()
    shares = make_shares(tmp_path / "in", tmp_path / "out")
    with open_exchange(shares, tmp_path / "in", tmp_path / "out") as exchange:
        assert exchange is not None
    assert not list((tmp_path / "in").iterdir())
    assert [path.name for path in (tmp_path / "out").iterdir()] == [".filterfleet"]


def test_a_share_that_is_not_mounted_is_one_sentence(tmp_path):
    with pytest.raises(FleetError, match=r"^The share lab has no folder .*/missing: make or mount it\.$"):
        Exchange(Place("in", "", Share("lab", str(tmp_path / "missing")), "0" * 16))


# --- when outputs cannot be collected ----


class Workshop:
    """An engine. outcomes: what becomes of the next jobs."""

    name, inline_limit, window = "workshop", 1 << 20, 7

    def __init__(self, *outcomes):
        self.jobs, self.acknowledged, self._outcomes = [], [], list(outcomes)

    def submit(self, job, read=None):
        self.jobs.append((job, read))
        future = Future()
        outcome = self._outcomes.pop(0)
        if isinstance(outcome, Exception):
            future.set_exception(outcome)
        elif outcome is None:
            future.cancel()
            future.set_running_or_notify_cancel()
        else:
            future.set_result(outcome)
        return future

    def acknowledge(self, job):
        self.acknowledged.append(job)

    def close(self):
        pass


def job_of(reference):
    return Job(job_id(b"c" * 32, RECIPE), RECIPE.to_bytes(), (), len(PHOTO), outputs=RECIPE.names, reference=reference)


def test_outputs_that_can_be_collected_come_as_files(ends):
    reference, result = worked(ends)
    workshop = Workshop(result)
    outcome = Sharing(workshop, ends.exchange).submit(job_of(reference)).result(0)
    assert all(isinstance(file, LeftFile) for file in outcome.payload)
    assert (outcome.outputs, outcome.left, workshop.acknowledged) == (result.outputs, b"", [])
    for file in outcome.payload:
        file.close()


def test_a_job_whose_outputs_cannot_be_collected_is_done_again_by_value(ends, caplog):
    caplog.set_level(logging.WARNING)
    reference, result = worked(ends)
    for file in ends.scratch.iterdir():
        file.unlink()
    job, read = job_of(reference), b"".join
    again = replace(job, id=job.id + b"v", reference=b"")
    workshop = Workshop(result, Result(again.id, result.outputs, {}, (b"a", b"b")))
    sharing = Sharing(workshop, ends.exchange)
    assert sharing.submit(job, read).result(0) == Result(job.id, result.outputs, {}, (b"a", b"b"))
    assert workshop.jobs == [(job, read), (again, read)]
    assert workshop.acknowledged == [job.id]
    sharing.acknowledge(job.id)
    assert workshop.acknowledged == [job.id, again.id]


def test_the_next_attempt_at_a_job_is_acknowledged_as_itself(ends):
    """The one before was done again by value, and its image changed meanwhile."""
    reference, result = worked(ends)
    for file in ends.scratch.iterdir():
        file.unlink()
    job = job_of(reference)
    workshop = Workshop(result, FleetError("changed"), Result(job.id, result.outputs, {}, (b"a", b"b")))
    sharing = Sharing(workshop, ends.exchange)
    assert sharing.submit(job).exception(0)
    assert sharing.submit(job).result(0)
    sharing.acknowledge(job.id)
    assert workshop.acknowledged == [job.id, job.id]


def test_whatever_else_an_engine_says_is_passed_on(ends):
    job = job_of(b"")
    failed, broken = Failed(job.id, "permanent", "bad"), FleetError("broken")
    sharing = Sharing(Workshop(failed, broken, None), ends.exchange)
    assert (sharing.name, sharing.inline_limit, sharing.window) == ("workshop", 0, 7)
    assert sharing.submit(job_of(b"")).result(0) == failed
    assert sharing.submit(job_of(b"")).exception(0) is broken
    assert sharing.submit(job_of(b"")).cancelled()


def test_an_engine_that_is_closed_meanwhile_fails_the_job(ends):
    reference, result = worked(ends)
    for file in ends.scratch.iterdir():
        file.unlink()

    class Closing(Workshop):
        def submit(self, job, read=None):
            if self.jobs:
                raise FleetError("closed")
            return super().submit(job, read)

    future = Sharing(Closing(result), ends.exchange).submit(job_of(reference))
    assert str(future.exception(0)) == "closed"
