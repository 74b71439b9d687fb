"""Versions that resemble each other in the ledger, and ledgers of programs that knew less of versions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from filterfleet.common.wire import OutputFile, Result
from filterfleet.listener.core.scan import Version
from filterfleet.listener.ledger.ledger import Ledger

V, TOUCHED, OTHER = Version(10, 1, "", 100, 7), Version(10, 1, "", 200, 7), Version(11, 1, "", 100, 7)
JOB, OTHER_JOB = b"j" * 32, b"o" * 32


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[[], Ledger]]:
    ledgers: list[Ledger] = []

    def open_one() -> Ledger:
        ledgers.append(Ledger(tmp_path / "ledger.sqlite3", "source", "recipe"))
        return ledgers[-1]

    yield open_one
    for ledger in ledgers:
        ledger.close()


def done(ledger: Ledger, version: Version, job: bytes, size: int = 3) -> None:
    ledger.done("a", version, Result(job, (OutputFile("x", "png", size),), {}), engine="e", write=0, turnaround=0)


def test_a_version_that_was_replaced_while_it_was_processed_is_not_the_one_that_is_done(opened):
    ledger = opened()
    ledger.add("a", V, fresh=False)
    ledger.add("a", TOUCHED, fresh=False)
    done(ledger, V, JOB)
    assert ledger.pending() == [("a", TOUCHED, False)]
    assert ledger.made("a", TOUCHED) is None


def test_the_result_of_versions_that_resemble_each_other_is_that_of_the_last_content(opened):
    ledger = opened()
    for version, job, size in ((V, JOB, 3), (TOUCHED, OTHER_JOB, 4)):
        ledger.add("a", version, fresh=False)
        done(ledger, version, job, size)
    assert ledger.made("a", V) == ledger.made("a", TOUCHED) == OTHER_JOB
    assert [output.size for image in ledger.processed() for output in image.outputs] == [4]
    assert ledger.made("a", OTHER) is None


def test_a_version_takes_the_place_of_one_that_it_resembles(opened):
    ledger = opened()
    ledger.add("a", V, fresh=True)
    done(ledger, V, JOB)
    assert ledger.standing("a", TOUCHED) == ("done", False)
    ledger.renew([("a", TOUCHED), ("a", OTHER), ("b", V)])
    assert ledger.standing("a", TOUCHED) == ("done", True)
    assert ledger.settled() == {"a": TOUCHED}
    assert ledger.fresh() == {"a"}


def test_a_ledger_without_the_columns_gets_them_and_its_work_goes_on(opened):
    ledger = opened()
    ledger.add("a", V, fresh=True)
    ledger.commit()
    for column in ("ctime_ns", "inode"):
        ledger._db.execute(f"ALTER TABLE objects DROP COLUMN {column}")
    ledger.close()
    ledger = opened()
    ((path, version, fresh),) = ledger.pending()
    assert (path, version.resembles(V), version.ctime_ns, fresh) == ("a", True, 0, True)
    ledger.renew([("a", V)])
    done(ledger, version, JOB)  # the version that the line has
    assert ledger.standing("a", V) == ("done", True)


def test_a_program_that_does_not_know_the_columns_goes_on_with_the_ledger(opened):
    ledger = opened()
    ledger.add("a", V, fresh=True)
    ledger._db.execute(
        "INSERT OR REPLACE INTO objects (source, path, size, mtime_ns, tag, recipe, state, fresh) "
        "VALUES ('source', 'a', 10, 1, '', 'recipe', 'pending', 0)"
    )
    assert ledger.settled() == {"a": Version(10, 1)}
    done(ledger, V, JOB)
    assert ledger.made("a", V) == JOB
