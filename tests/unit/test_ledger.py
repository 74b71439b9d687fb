"""The only place where the state of the work is kept."""

import sqlite3

import pytest

from filterfleet.common.errors import FleetError
from filterfleet.common.wire import OutputFile, Result
from filterfleet.listener.core.scan import Version
from filterfleet.listener.ledger.ledger import REPORT as REPORT_FIELDS
from filterfleet.listener.ledger.ledger import Failure, Ledger, Progress

V1, V2 = Version(100, 1), Version(200, 2)
OUTPUTS = (OutputFile("edges", "png", 3), OutputFile("blur", "jpeg", 9))
REPORT = {"width": 30, "height": 20, "decode": 0.1, "filter": 0.2, "encode": 0.3, "worker": "host/1", "more": []}


@pytest.fixture
def opened(tmp_path):
    """Opens the ledger, again and again, as runs of the listener do."""
    ledgers = []

    def opened(source="/photos", recipe="r1"):
        for ledger in ledgers:
            ledger.close()
        ledgers.append(Ledger(tmp_path / "state" / "ledger.sqlite3", source, recipe))
        return ledgers[-1]

    yield opened
    for ledger in ledgers:
        ledger.close()


def rows(ledger):
    return ledger._db.execute("SELECT path, times FROM results ORDER BY path").fetchall()


def test_what_is_added_is_pending_in_the_order_of_arrival(opened):
    ledger = opened()
    ledger.add("b.jpg", V1, fresh=False)
    ledger.add("a.jpg", V2, fresh=True)
    assert ledger.pending() == [("b.jpg", V1, False), ("a.jpg", V2, True)]
    assert ledger.settled() == {"a.jpg": V2, "b.jpg": V1}
    assert ledger.progress() == Progress(pending=2, done=0, failed=0)


def test_a_new_version_takes_the_place_of_the_old_one_at_the_end_of_the_line(opened):
    ledger = opened()
    ledger.add("a.jpg", V1, fresh=False)
    ledger.add("b.jpg", V1, fresh=False)
    ledger.add("a.jpg", V2, fresh=True)
    assert ledger.pending() == [("b.jpg", V1, False), ("a.jpg", V2, True)]


def test_what_is_done_is_told_with_everything_about_it(opened):
    ledger = opened()
    ledger.add("a.jpg", V1, fresh=True)
    ledger.done("a.jpg", V1, Result(b"job", OUTPUTS, REPORT), engine="threads", write=0.25, turnaround=1.5)
    (image,) = ledger.processed()
    assert (image.path, image.size, image.width, image.height, image.worker) == ("a.jpg", 100, 30, 20, "host/1")
    assert image.seconds == pytest.approx(0.6)
    assert image.outputs == OUTPUTS
    assert ledger.progress() == Progress(pending=0, done=1, failed=0)
    assert ledger.pending() == []


def test_a_report_has_a_row_for_every_object(opened):
    ledger = opened()
    ledger.add("b.jpg", V1, fresh=True)
    ledger.add("a.jpg", V1, fresh=True)
    ledger.done("a.jpg", V1, Result(b"job", OUTPUTS, REPORT), engine="threads", write=0.25, turnaround=1.5)
    done, pending = ledger.report()
    assert list(done) == list(REPORT_FIELDS)
    assert (done["path"], done["pixels"], done["engine"], done["write"], done["status"]) == (
        "a.jpg",
        600,
        "threads",
        0.25,
        "done",
    )
    assert done["queue"] == pytest.approx(0.9)
    assert (pending["path"], pending["status"], pending["worker"]) == ("b.jpg", "pending", None)


def test_redo_makes_everything_pending(opened):
    ledger = opened()
    ledger.add("a.jpg", V1, fresh=True)
    ledger.done("a.jpg", V1, Result(b"job", OUTPUTS, REPORT), engine="threads", write=0.25, turnaround=1.5)
    ledger.redo()
    assert ledger.pending() == [("a.jpg", V1, True)]


def test_done_twice_is_one_row_that_counts(opened):
    ledger = opened()
    ledger.add("a.jpg", V1, fresh=True)
    for _ in range(2):
        ledger.done("a.jpg", V1, Result(b"job", OUTPUTS, REPORT), engine="threads", write=0.25, turnaround=1.0)
    assert rows(ledger) == [("a.jpg", 2)]
    assert ledger.progress().done == 1


def test_an_outcome_for_an_old_version_does_not_end_the_new_one(opened):
    ledger = opened()
    ledger.add("a.jpg", V2, fresh=True)
    ledger.done("a.jpg", V1, Result(b"job", OUTPUTS, REPORT), engine="threads", write=0.25, turnaround=1.0)
    ledger.failed("a.jpg", V1, "No.", transient=False)
    assert ledger.pending() == [("a.jpg", V2, True)]
    assert ledger.processed() == []


def test_failures_are_told_and_only_passing_ones_tried_again(opened):
    ledger = opened()
    for path in ("b.jpg", "a.jpg"):
        ledger.add(path, V1, fresh=False)
    ledger.failed("b.jpg", V1, "Damaged.", transient=False)
    ledger.failed("a.jpg", V1, "Disk full.", transient=True)
    assert ledger.failures() == [Failure("a.jpg", "Disk full."), Failure("b.jpg", "Damaged.")]
    ledger.commit()
    ledger = opened()
    ledger.retry_transient()
    assert ledger.failures() == [Failure("b.jpg", "Damaged.")]
    assert ledger.pending() == [("a.jpg", V1, False)]


def test_a_forgotten_object_is_new_again_and_its_results_stay_recorded(opened):
    ledger = opened()
    ledger.add("a.jpg", V1, fresh=True)
    ledger.done("a.jpg", V1, Result(b"job", OUTPUTS, REPORT), engine="threads", write=0.25, turnaround=1.0)
    ledger.forget("a.jpg")
    assert (ledger.settled(), ledger.processed()) == ({}, [])
    assert ledger.same_job(b"job") is not None
    assert rows(ledger) == [("a.jpg", 1)]


def test_the_same_job_is_found_by_its_id_while_its_outputs_are_current(opened):
    ledger = opened()
    ledger.add("a.jpg", V1, fresh=True)
    assert ledger.same_job(b"job") is None
    ledger.done("a.jpg", V1, Result(b"job", OUTPUTS, REPORT), engine="threads", write=0.25, turnaround=1.0)
    report = {"width": 30, "height": 20, "worker": "host/1"}
    assert ledger.same_job(b"job") == ("a.jpg", Result(b"job", OUTPUTS, report))
    ledger.add("a.jpg", V2, fresh=True)
    assert ledger.same_job(b"job") is None


def test_what_is_committed_survives_and_what_is_not_does_not(opened):
    ledger = opened()
    ledger.add("kept.jpg", V1, fresh=True)
    ledger.commit()
    ledger.add("lost.jpg", V1, fresh=True)
    assert opened().settled() == {"kept.jpg": V1}


def test_another_recipe_makes_everything_new_and_the_first_one_finds_its_work_again(opened):
    ledger = opened(recipe="r1")
    ledger.add("a.jpg", V1, fresh=True)
    ledger.done("a.jpg", V1, Result(b"job", OUTPUTS, REPORT), engine="threads", write=0.25, turnaround=1.0)
    ledger.commit()
    ledger = opened(recipe="r2")
    assert (ledger.settled(), ledger.processed(), ledger.progress().total) == ({}, [], 0)
    ledger.add("a.jpg", V1, fresh=False)
    ledger.done("a.jpg", V1, Result(b"other job", OUTPUTS, REPORT), engine="threads", write=0.25, turnaround=1.0)
    ledger.commit()
    assert rows(ledger) == [("a.jpg", 1), ("a.jpg", 1)]


def test_sources_do_not_see_each_other(opened):
    ledger = opened(source="/one")
    ledger.add("a.jpg", V1, fresh=True)
    ledger.done("a.jpg", V1, Result(b"job", OUTPUTS, REPORT), engine="threads", write=0.25, turnaround=1.0)
    ledger.commit()
    other = opened(source="/two")
    assert (other.settled(), other.same_job(b"job"), other.progress().total) == ({}, None, 0)
    other.forget("a.jpg")
    other.commit()
    assert opened(source="/one").settled() == {"a.jpg": V1}


@pytest.mark.parametrize(
    "name",
    [
        "it's.jpg",
        'say "hi".jpg',
        "two\nlines.jpg",
        "\udcff\udcfe.jpg",
        "%s?:x --.jpg",
        "日本 🌸.jpg",
        " .jpg",
        "'; DROP TABLE objects; --.jpg",
    ],
)
def test_any_file_name_comes_back_as_it_was(opened, name):
    ledger = opened(source=f"/{name}")
    ledger.add(name, V1, fresh=True)
    ledger.done(name, V1, Result(b"job", OUTPUTS, REPORT), engine="threads", write=0.25, turnaround=1.0)
    ledger.commit()
    ledger = opened(source=f"/{name}")
    assert ledger.settled() == {name: V1}
    assert ledger.same_job(b"job")[0] == name
    ledger.forget(name)
    assert ledger.settled() == {}


def test_a_worker_that_reports_nonsense_does_no_harm(opened):
    ledger = opened()
    ledger.add("a.jpg", V1, fresh=True)
    ledger.done(
        "a.jpg",
        V1,
        Result(b"job", OUTPUTS, {"width": 2**64 - 1, "height": "tall", "decode": None, "worker": []}),
        engine="threads",
        write=0.25,
        turnaround=1.0,
    )
    (image,) = ledger.processed()
    assert (image.width, image.height, image.seconds) == (0, 0, 0.0)


def test_times_and_sizes_keep_every_digit(opened):
    ledger = opened()
    version = Version((1 << 62) + 1, -(1 << 62) - 1)
    ledger.add("a.jpg", version, fresh=True)
    assert ledger.settled() == {"a.jpg": version}


def test_a_ledger_that_cannot_be_opened_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("no folder")
    (tmp_path / "junk").write_bytes(b"this is no database at all" * 100)
    for file in (tmp_path / "file" / "ledger", tmp_path / "junk"):
        with pytest.raises(FleetError, match=r"^The ledger .* cannot be opened: .*\.$"):
            Ledger(file, "/photos", "r1")


def test_others_can_read_while_we_write(opened, tmp_path):
    ledger = opened()
    ledger.add("a.jpg", V1, fresh=True)
    ledger.commit()
    ledger.add("b.jpg", V1, fresh=True)
    reader = sqlite3.connect(tmp_path / "state" / "ledger.sqlite3")
    assert reader.execute("SELECT path FROM objects").fetchall() == [("a.jpg",)]
    reader.close()


# --- where images come from and go to ----


def test_a_version_is_another_when_only_its_tag_is(opened):
    ledger = opened()
    tagged = Version(V1.size, V1.mtime_ns, "md5")
    ledger.add("a.jpg", V1, fresh=True)
    ledger.done("a.jpg", V1, Result(b"job", OUTPUTS, REPORT), engine="threads", write=0.25, turnaround=1.0)
    ledger.add("a.jpg", tagged, fresh=True)
    assert ledger.pending() == [("a.jpg", tagged, True)]
    ledger.done("a.jpg", tagged, Result(b"job 2", OUTPUTS, REPORT), engine="threads", write=0.25, turnaround=1.0)
    assert rows(ledger) == [("a.jpg", 1), ("a.jpg", 1)]
    assert ledger.same_job(b"job") is None


def test_what_is_to_leave_its_source_is_due_until_it_has(opened):
    ledger = opened()
    for path in ("left.jpg", "stays.jpg", "vanished.jpg"):
        ledger.add(path, V1, fresh=True)
        ledger.done(
            path, V1, Result(b"job", OUTPUTS, REPORT), engine="threads", write=0.25, turnaround=1.0, depart=True
        )
    assert sorted(ledger.due()) == [("left.jpg", V1), ("stays.jpg", V1), ("vanished.jpg", V1)]
    ledger.departed("left.jpg", V1)
    ledger.stays("stays.jpg", V1)
    ledger.forget("vanished.jpg")
    assert ledger.due() == []
    assert ledger.settled() == {"stays.jpg": V1}
    assert {image.path for image in ledger.processed()} == {"left.jpg", "stays.jpg"}
    assert ledger.progress() == Progress(pending=0, done=2, failed=0)
    ledger.add("left.jpg", V2, fresh=True)
    assert ledger.pending() == [("left.jpg", V2, True)]


def test_what_is_skipped_is_settled_and_not_pending(opened):
    ledger = opened()
    assert not ledger.was_listed
    ledger.skip("old.jpg", V1)
    ledger.set_listed()
    assert ledger.was_listed
    assert (ledger.settled(), ledger.pending(), ledger.report()) == ({"old.jpg": V1}, [], [])
    assert ledger.progress().total == 0
    assert not opened(recipe="r2").was_listed


def test_it_knows_of_what_the_output_tells(opened):
    ledger = opened()
    ledger.tell("a.jpg")
    ledger.tell("a.jpg")
    assert ledger.is_told("a.jpg")
    ledger.take_back("a.jpg")
    assert not ledger.is_told("a.jpg")


def test_a_ledger_of_a_newer_form_is_not_touched(opened, tmp_path):
    ledger = opened()
    ledger._db.execute("PRAGMA user_version = 99")
    with pytest.raises(FleetError, match="newer version"):
        opened()


def test_a_ledger_of_the_first_form_begins_anew(opened, tmp_path):
    opened().close()
    with sqlite3.connect(tmp_path / "state" / "ledger.sqlite3") as old:
        old.executescript("DROP TABLE objects; CREATE TABLE objects (source TEXT, path TEXT); PRAGMA user_version = 0;")
    ledger = opened()
    ledger.add("a.jpg", V1, fresh=True)
    assert ledger.progress().pending == 1


def test_only_a_version_that_has_failed_is_retried(opened):
    ledger = opened()
    ledger.add("a.jpg", V1, fresh=True)
    assert not ledger.retry("a.jpg", V1), "it is pending"
    ledger.failed("a.jpg", V1, "No worker finished.", transient=True)
    assert not ledger.retry("a.jpg", V2)
    assert ledger.retry("a.jpg", V1)
    assert ledger.pending() == [("a.jpg", V1, True)]
    ledger.done("a.jpg", V1, Result(b"job", OUTPUTS, REPORT), engine="threads", write=0.0, turnaround=0.0)
    assert not ledger.retry("a.jpg", V1), "it is done"


def test_only_an_object_that_has_failed_is_forgotten_as_failed(opened):
    ledger = opened()
    for path in ("bad.jpg", "new.jpg"):
        ledger.add(path, V1, fresh=True)
    ledger.failed("bad.jpg", V1, "The file is empty.", transient=False)
    assert [ledger.forget_failed(path) for path in ("bad.jpg", "new.jpg", "none.jpg")] == [True, False, False]
    assert ledger.settled() == {"new.jpg": V1}


def test_what_is_done_and_may_still_be_told_as_failed_is_stale(opened):
    ledger = opened()
    for path in ("a.jpg", "b.jpg", "c.jpg"):
        ledger.add(path, V1, fresh=True)
    ledger.tell("a.jpg")
    ledger.tell("b.jpg")
    ledger.failed("b.jpg", V1, "The file is empty.", transient=False)
    for path in ("a.jpg", "c.jpg"):
        ledger.done(path, V1, Result(b"job", OUTPUTS, REPORT), engine="threads", write=0.0, turnaround=0.0)
    assert ledger.stale() == [("a.jpg", V1)]
    assert opened(recipe="r2").stale() == []
