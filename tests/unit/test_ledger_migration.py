"""A ledger of the version before becomes one of this version, in its place."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from pathlib import Path

import pytest

from filterfleet.common.errors import FleetError
from filterfleet.listener.core.scan import Version
from filterfleet.listener.ledger.form import FORM
from filterfleet.listener.ledger.history import Counts, History, Minute, Reason
from filterfleet.listener.ledger.ledger import Ledger, Progress
from filterfleet.listener.ledger.overview import Standing, overview

FORM_2 = Path(__file__).with_name("ledger_form_2.sql").read_text()


@pytest.fixture
def old(tmp_path: Path) -> Path:
    file = tmp_path / "ledger.sqlite3"
    with contextlib.closing(sqlite3.connect(file)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.executescript(FORM_2)
    return file


def open_once(file: Path) -> None:
    Ledger(file, "/photos", "r1").close()


def test_the_work_of_an_old_ledger_is_kept_and_counted(old):
    with contextlib.closing(Ledger(old, "/photos", "r1")) as ledger:
        assert ledger.progress() == Progress(pending=1, done=1, failed=2)
        assert ledger.pending() == [("\udcff.jpg", Version(9, 2, "md5"), True)]
        assert ledger.is_told("bad.jpg")
        assert ledger.was_listed
        assert not ledger.is_paused
    history = History(old, "/photos")
    assert history.counts() == Counts(1, 1, 2, 1, {".dng": 4}, None)
    assert history.failures() == [Reason("The file is empty.", 2, "bad.jpg", 1500.0)]
    assert [(job.path, job.at) for job in history.jobs().jobs] == [
        ("bad.jpg", 1500.0),
        ("gone.jpg", 1270.0),  # whose results are still there
        ("done.jpg", 1230.0),
        ("\udcff.jpg", None),
        ("worse.jpg", None),
    ]
    assert [job.path for job in history.jobs("skipped").jobs] == ["old.jpg"]
    assert history.job("ab12cd").job.path == "done.jpg"


def test_its_results_are_in_the_minutes(old, monkeypatch):
    open_once(old)
    with contextlib.closing(sqlite3.connect(old)) as db:
        kept = db.execute("SELECT source, minute, done, failed, bytes FROM minutes").fetchall()
    assert kept == [("/photos", 20, 1, 0, 100), ("/photos", 21, 1, 0, 100), ("s3:in", 21, 1, 0, 9)]
    monkeypatch.setattr("filterfleet.listener.ledger.history.history.time.time", lambda: 2000.0)
    history = History(old)
    assert history.minutes(0.0) == [Minute(1200.0, 1, 0, 100), Minute(1260.0, 2, 0, 109)]
    seconds = {stage.name: (stage.n, stage.p50) for stage in history.stages(0.0)}
    assert seconds["queue"] == (1, pytest.approx(0.4, rel=0.05))
    assert seconds["write"] == (3, pytest.approx(0.05, rel=0.05))


def test_the_version_before_may_go_on_with_it_and_is_counted(old):
    """Its statements, as they were."""
    open_once(old)
    version = "path = 'new.jpg' AND source = '/photos'"
    with contextlib.closing(sqlite3.connect(old)) as db:
        db.executescript(FORM_2.replace("CREATE TABLE", "CREATE TABLE IF NOT EXISTS").partition("CREATE INDEX")[0])
        for state in ("pending", "skipped", "pending", "pending"):
            db.execute(
                "INSERT OR REPLACE INTO objects (source, path, size, mtime_ns, tag, recipe, state, fresh) "
                "VALUES ('/photos', 'new.jpg', 1, 1, '', 'r1', ?, 0)",
                (state,),
            )
        db.commit()
        history = History(old, "/photos")
        assert history.counts() == Counts(2, 1, 2, 1, {".dng": 4}, None)
        assert "new.jpg" in [job.path for job in history.jobs("pending").jobs]
        db.execute(f"UPDATE objects SET state = 'failed', reason = 'No.' WHERE {version}")
        db.execute("UPDATE objects SET departure = 'theirs' WHERE path = 'done.jpg'")
        db.commit()
        assert history.counts() == Counts(1, 0, 3, 1, {".dng": 4}, None)
        assert [(row.reason, row.n) for row in history.failures()] == [("The file is empty.", 2), ("No.", 1)]
        db.execute(f"DELETE FROM objects WHERE {version}")
        db.commit()
        assert history.counts() == Counts(1, 0, 2, 1, {".dng": 4}, None)


def test_it_is_done_once(old):
    open_once(old)
    with contextlib.closing(sqlite3.connect(old)) as db:
        before = db.execute("SELECT * FROM minutes").fetchall(), db.execute("SELECT * FROM counts").fetchall()
    open_once(old)
    with contextlib.closing(sqlite3.connect(old)) as db:
        assert (db.execute("SELECT * FROM minutes").fetchall(), db.execute("SELECT * FROM counts").fetchall()) == before


def test_a_migration_that_is_cut_off_has_not_begun(old, monkeypatch):
    before = old.read_bytes()

    def killed(_: sqlite3.Connection) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("filterfleet.listener.ledger.form.fill_minutes", killed)
        with pytest.raises(KeyboardInterrupt):
            open_once(old)
    assert old.read_bytes() == before
    open_once(old)
    assert History(old).counts().done == 2


def test_who_only_reads_an_old_ledger_leaves_it_as_it_is(old, tmp_path):
    before = old.read_bytes()
    assert overview(old)[0] == Standing("/photos", "r1", 1, 2, 1, 1, {".dng": 4})
    with pytest.raises(FleetError, match="its listener brings it up to date when it starts"):
        History(old).counts()
    assert old.read_bytes() == before
    open_once(old)
    assert overview(old)[0] == Standing("/photos", "r1", 1, 2, 1, 1, {".dng": 4})


def test_a_ledger_that_has_not_heard_of_files_left_alone_can_be_read(old):
    """As those of the previous release."""
    with contextlib.closing(sqlite3.connect(old)) as db:
        db.execute("DROP TABLE left_alone")
    assert overview(old)[0] == Standing("/photos", "r1", 1, 2, 1, 1, {})


def test_a_newer_ledger_is_refused_by_name(old, tmp_path):
    newer = tmp_path / "newer.sqlite3"
    shutil.copy(old, newer)
    with contextlib.closing(sqlite3.connect(newer)) as db:
        db.execute(f"PRAGMA user_version = {FORM + 1}")
    for read in (open_once, overview, lambda file: History(file).counts()):
        with pytest.raises(
            FleetError, match=r"newer\.sqlite3 was made by a newer version of filterfleet: use that one"
        ):
            read(newer)
