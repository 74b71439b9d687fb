"""How SQLite finds what is asked of a ledger: by an index and in its order, in a large one as in a small one."""

from __future__ import annotations

import contextlib
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from filterfleet.listener.ledger import endings, minutes
from filterfleet.listener.ledger.form import make_tables
from filterfleet.listener.ledger.history.pages import STATES
from filterfleet.listener.ledger.history.statements import STATEMENTS
from filterfleet.listener.ledger.sql import named_statements

LARGE = ("objects", "results", "attempts", "minutes")  # the tables that grow with the number of images
ONE_IMAGE = (  # of the ledger's own: what an image, and what a look at the progress costs
    *(
        "add",
        "set_job",
        "record",
        "set_state",
        "attempt",
        "same_job",
        "standing",
        "made",
        "renew",
        "forget",
        "vanished",
    ),
    *("retry", "again", "depart", "is_told", "progress", "is_paused", "is_listed", "pause"),
)


@pytest.fixture
def db(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """A ledger without the statistics of ANALYZE, as all are."""
    with contextlib.closing(sqlite3.connect(tmp_path / "ledger")) as db:
        make_tables(db, tmp_path / "ledger")
        yield db


def steps(db: sqlite3.Connection, statement: str) -> list[str]:
    values = dict.fromkeys(re.findall(r":([a-z_]+)", statement), 1)
    return [row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {statement}", values)]


def check(found: list[str]) -> None:
    assert found
    for step in found:
        assert not step.startswith("SCAN") or step.split()[1] not in LARGE, found
        assert "TEMP B-TREE" not in step, found


def history_statements() -> Iterator[tuple[str, str]]:
    for name, statement in STATEMENTS.items():
        if name.endswith("_keys"):
            continue
        if "{keys}" not in statement:
            yield name, statement
            continue
        for state in STATES:
            kind = "done" if state == "done" else "undone"
            if name in ("last_key", kind):
                keys = STATEMENTS[f"{kind}_keys"].format(state=state, below="<")
                yield f"{name} {state}", statement.format(keys=keys)


@pytest.mark.parametrize("name", [name for name, _ in history_statements()])
def test_no_call_looks_at_everything(db, name):
    found = steps(db, dict(history_statements())[name])
    # The reasons, which are few, and the versions of one image are sorted.
    sorts = name in ("reasons", "results_of")
    check([step for step in found if not (sorts and step == "USE TEMP B-TREE FOR ORDER BY")])


@pytest.mark.parametrize("state", STATES)
def test_a_search_reads_an_index_alone(db, state):
    kind = "done" if state == "done" else "undone"
    (step,) = steps(db, STATEMENTS[f"{kind}_keys"].format(state=state, below="<"))
    assert "USING COVERING INDEX" in step


@pytest.mark.parametrize("name", ONE_IMAGE)
def test_no_image_costs_more_in_a_large_ledger(db, name):
    statement = named_statements("queries.sql")[name]
    if found := steps(db, statement):  # an INSERT has none, but for its triggers
        check(found)


def test_whoever_is_told_of_endings_and_minutes_looks_at_no_more_than_those(db):
    for statement in (endings._DONE, endings._FAILED, endings._PENDING, minutes._READ):
        check(steps(db, statement))
