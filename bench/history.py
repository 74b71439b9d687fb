"""`filterfleet bench history`: what each question costs that commands and the page ask of a large ledger."""

from __future__ import annotations

import contextlib
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from filterfleet.listener.ledger.form import COUNTED, make_tables
from filterfleet.listener.ledger.history import History
from filterfleet.listener.ledger.ledger import Ledger

SOURCE, RECIPE = "/home/somebody/photographs", "ab" * 32
DAY = 86400.0  # seconds in which all jobs have ended
ROUNDS = 5  # of each question

_OBJECTS = """
WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < :jobs)
INSERT INTO objects (source, path, size, mtime_ns, tag, recipe, state, fresh, reason, at, job_id)
SELECT :source, printf('%d/holiday %d/IMG_%07d.jpg', 2005 + i % 20, i % 300, i), 2000000 + i, i, '', :recipe,
    CASE WHEN i % 20 = 0 THEN 'failed' WHEN i % 10 = 1 THEN 'pending' ELSE 'done' END, 0,
    CASE WHEN i % 20 = 0 THEN printf('The file is damaged: marker %d is missing.', i % 40) END,
    :now - :day * (:jobs - i) / :jobs, CASE WHEN i % 20 = 0 THEN lower(hex(randomblob(64))) END
FROM n
"""
_RESULTS = """
INSERT INTO results (source, path, size, mtime_ns, tag, recipe, job, outputs, width, height, engine, worker,
    decode, filter, encode, write, turnaround, finished_at)
SELECT source, path, size, mtime_ns, tag, recipe, lower(hex(randomblob(64))),
    '[["edges","png",300000],["blur","jpeg",90000]]', 4000, 3000, 'cluster', 'host-1/4711',
    0.01 + rowid % 9 * 0.001, 0.03, 0.02, 0.004, 0.2 + rowid % 50 * 0.01, at
FROM objects WHERE state = 'done'
"""


def history(
    jobs: Annotated[int, typer.Option(min=1000, help="Images in the ledger.")] = 1_000_000,
) -> None:
    """Make a large ledger, and measure what commands and the page ask of it.

    The ledger is made as an earlier version had it, so that the first number is what its migration costs.
    """
    with tempfile.TemporaryDirectory() as room:
        file = Path(room) / "ledger.sqlite3"
        make_ledger(file, jobs)
        began = time.perf_counter()
        ledger = Ledger(file, SOURCE, RECIPE)
        migrated = time.perf_counter() - began
        with contextlib.closing(ledger):
            rows = [(what, _milliseconds(ask)) for what, ask in _questions(History(file), ledger).items()]
        size = file.stat().st_size / (1 << 20)
    table = Table(f"asked of {jobs} jobs ({size:.0f} MiB)", "median ms", "worst ms", title="The history of a ledger")
    table.add_row("migration from the version before", f"{1000 * migrated:.0f}", "")
    for what, (median, worst) in rows:
        table.add_row(what, f"{median:.2f}", f"{worst:.2f}")
    Console().print(table)


def make_ledger(file: Path, jobs: int) -> None:
    """As an earlier version had it: opening it brings it up to date."""
    values = {"jobs": jobs, "source": SOURCE, "recipe": RECIPE, "now": time.time(), "day": DAY}
    with contextlib.closing(sqlite3.connect(file)) as db:
        make_tables(db, file)
        made = db.execute("SELECT type, name FROM sqlite_master WHERE type IN ('trigger', 'index') AND sql IS NOT NULL")
        for kind, name in made.fetchall():
            db.execute(f"DROP {kind} {name}")
        db.execute(f"DROP TABLE {COUNTED}")
        for statement in (_OBJECTS, _RESULTS):
            db.execute(statement, values)
        db.commit()


def _questions(history: History, ledger: Ledger) -> dict[str, Callable[[], object]]:
    now = time.time()
    one = history.jobs("done", limit=1).jobs[0]
    deep = history.jobs("done", limit=1000).before
    middle = one.path.rpartition("/")[2].replace("99", "50")
    assert one.id is not None
    id_ = one.id
    return {
        "the listener's progress": ledger.progress,
        "numbers by state": history.counts,
        "failures by reason": history.failures,
        "newest 50": history.jobs,
        "newest 50 done": lambda: history.jobs("done"),
        "newest 50 done, behind 1,000": lambda: history.jobs("done", before=deep),
        "newest 50 pending": lambda: history.jobs("pending"),
        "newest 50 failed for a reason": lambda: history.jobs(reason="marker 20"),
        "a page of a search that finds nothing": lambda: history.jobs(path="nothing is called so"),
        "a page of a search for one image": lambda: history.jobs(path=middle),
        "one image by its path": lambda: history.job(one.path),
        "one image by its job": lambda: history.job(id_),
        "paths of 256 jobs": lambda: history.paths([f"{id_}{'0' * (n % 5)}" for n in range(256)]),
        "minutes of a day": lambda: history.minutes(now - DAY),
        "stages of an hour": lambda: history.stages(now - 3600),
        "stages of a day": lambda: history.stages(now - DAY),
    }


def _milliseconds(ask: Callable[[], object]) -> tuple[float, float]:
    """The median and the longest of some rounds."""
    took = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        ask()
        took.append(1000 * (time.perf_counter() - began))
    return statistics.median(took), max(took)
