"""What the broker tried before an outcome is part of an image's story."""

from __future__ import annotations

import sqlite3

import pytest

from filterfleet.common.wire import OutputFile, Result, Try
from filterfleet.listener.core.books import Attempt
from filterfleet.listener.core.scan import Version
from filterfleet.listener.ledger.history import History
from filterfleet.listener.ledger.ledger import Ledger
from filterfleet.listener.ledger.opening import LEDGER

V1 = Version(100, 1)
JOB = b"j" * 40
TRIES = (Try("lab/1", "lost", 2.5, 60.0), Try("lab/2", "transient", 0.5, 30.0, "No memory."))
RESULT = Result(JOB, (OutputFile("edges", "png", 3),), {"worker": "lab/3"}, tries=TRIES)


@pytest.fixture
def ledger(tmp_path):
    kept = Ledger(tmp_path / LEDGER, "/photos", "r1")
    kept.add("a.jpg", V1, fresh=False)
    yield kept
    kept.close()


def story(tmp_path):
    attempts = History(tmp_path / LEDGER).job("a.jpg").attempts
    return [(one.ending, one.worker, one.seconds, one.reason) for one in attempts]


EARLIER = [("lost", "lab/1", 2.5, None), ("transient", "lab/2", 0.5, "No memory.")]


def test_an_image_that_is_done_has_all_its_attempts(ledger, tmp_path):
    ledger.done("a.jpg", V1, RESULT, engine="cluster", write=0.1, turnaround=65.0)
    ledger.commit()
    assert story(tmp_path) == [*EARLIER, ("done", "lab/3", 65.0, None)]


def test_an_image_that_has_failed_has_all_its_attempts(ledger, tmp_path):
    ledger.failed("a.jpg", V1, "The worker died.", transient=False, attempt=Attempt(JOB, "lab/3", 65.0, TRIES))
    ledger.commit()
    assert story(tmp_path) == [*EARLIER, ("failed", "lab/3", 65.0, "The worker died.")]


def test_they_are_told_in_the_order_in_which_they_ended(ledger, tmp_path):
    ledger.done("a.jpg", V1, RESULT, engine="cluster", write=0.1, turnaround=65.0)
    ledger.commit()
    ends = [one.ended for one in History(tmp_path / LEDGER).job("a.jpg").attempts]
    assert ends == sorted(ends)
    assert ends[2] - ends[0] == pytest.approx(60.0, abs=1.0)


def test_a_ledger_that_does_not_know_how_they_ended_is_read_and_then_learns_it(ledger, tmp_path):
    ledger.failed("a.jpg", V1, "No memory.", transient=True)
    ledger.commit()
    ledger.close()
    with sqlite3.connect(tmp_path / LEDGER) as db:
        db.execute("ALTER TABLE attempts DROP COLUMN how")
    db.close()
    assert story(tmp_path) == [("transient", None, None, "No memory.")]
    again = Ledger(tmp_path / LEDGER, "/photos", "r1")
    again.done("a.jpg", V1, RESULT, engine="cluster", write=0.1, turnaround=65.0)
    again.commit()
    again.close()
    assert [ending for ending, *_ in story(tmp_path)] == ["lost", "transient", "transient", "done"]
