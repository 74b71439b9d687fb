"""The notes about an image in the ledger, and ledgers from before there were any."""

from __future__ import annotations

import sqlite3
import threading

import pytest

from filterfleet.common.errors import FleetError
from filterfleet.common.jobs.notes import LONGEST_NOTES
from filterfleet.common.wire import OutputFile, Result
from filterfleet.listener.core.scan import Version
from filterfleet.listener.ledger.ledger import Ledger

V1 = Version(5, 7)
OUTPUTS = (OutputFile("edges", "png", 3),)
# What the tables had in common before notes were kept: those of the second form, which was released.
OLD_RESULTS = """
CREATE TABLE results (
    source TEXT NOT NULL, path TEXT NOT NULL, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, tag TEXT NOT NULL,
    recipe TEXT NOT NULL, job TEXT NOT NULL, outputs TEXT NOT NULL, width INTEGER, height INTEGER,
    engine TEXT NOT NULL, worker TEXT, decode REAL, filter REAL, encode REAL, write REAL, turnaround REAL,
    finished_at REAL NOT NULL, times INTEGER NOT NULL DEFAULT 1,
    PRIMARY KEY (source, path, size, mtime_ns, tag, recipe)
);
"""


@pytest.fixture
def opened(tmp_path):
    ledgers = []

    def open_one():
        ledgers.append(Ledger(tmp_path / "ledger.sqlite3", "source", "recipe"))
        return ledgers[-1]

    yield open_one
    for ledger in ledgers:
        ledger.close()


def done(ledger, path, report):
    ledger.add(path, V1, fresh=False)
    ledger.done(path, V1, Result(b"job", OUTPUTS, report), engine="threads", write=0.1, turnaround=1.0)


def notes(ledger):
    return {row["path"]: row["notes"] for row in ledger.report()}


def test_notes_are_kept_and_told_and_go_with_copies(opened):
    ledger = opened()
    done(ledger, "a.tif", {"notes": "Only page 1 of 12 was processed."})
    done(ledger, "b.jpg", {})
    ledger.add("c.jpg", V1, fresh=False)
    ledger.failed("c.jpg", V1, "The file is empty.", transient=False)
    assert notes(ledger) == {"a.tif": "Only page 1 of 12 was processed.", "b.jpg": None, "c.jpg": None}
    path, result = ledger.same_job(b"job")
    assert (path, result.report.get("notes")) == ("a.tif", "Only page 1 of 12 was processed.")
    done(ledger, "a.tif", {})
    assert notes(ledger)["a.tif"] is None, "a later result replaces an earlier one"


@pytest.mark.parametrize(
    ("reported", "kept"),
    [("", None), (7, None), (["x"], None), ("a\x1b[2Jb", r"a\x1b[2Jb"), ("x" * 10_000, "x" * LONGEST_NOTES)],
)
def test_a_worker_may_report_anything(opened, reported, kept):
    ledger = opened()
    done(ledger, "a.jpg", {"notes": reported})
    assert notes(ledger) == {"a.jpg": kept}


@pytest.fixture
def old(opened, tmp_path):
    """The ledger of the version before, with one image done and one pending."""
    ledger = opened()
    done(ledger, "a.jpg", {"width": 30})
    ledger.add("b.jpg", V1, fresh=False)
    ledger.commit()
    ledger.close()
    with sqlite3.connect(tmp_path / "ledger.sqlite3") as db:
        (columns,) = db.execute("SELECT group_concat(name) FROM pragma_table_info('results')").fetchone()
        kept = columns.replace(",notes,sums", "")
        db.executescript(
            f"ALTER TABLE results RENAME TO new; {OLD_RESULTS} INSERT INTO results SELECT {kept} FROM new; "
            "DROP TABLE new; PRAGMA user_version = 2;"
        )
    db.close()
    return tmp_path / "ledger.sqlite3"


def test_a_ledger_of_the_version_before_keeps_its_work_and_gets_notes(opened, old):
    ledger = opened()
    assert notes(ledger) == {"a.jpg": None, "b.jpg": None}
    assert (ledger.progress().done, ledger.progress().pending) == (1, 1)
    done(ledger, "b.jpg", {"notes": "Only frame 1 of 3 was processed."})
    ledger.commit()
    assert notes(opened())["b.jpg"] == "Only frame 1 of 3 was processed."


def test_two_processes_may_open_an_old_ledger_at_once(old):
    errors, start = [], threading.Barrier(8)

    def open_it():
        start.wait()
        try:
            Ledger(old, "source", "recipe").close()
        except FleetError as error:
            errors.append(error)

    threads = [threading.Thread(target=open_it) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
