"""A damaged ledger: what is wrong with it, and how it is made anew from its journals."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filterfleet.common.errors import FleetError
from filterfleet.common.ours import make_file_in, own_folder
from filterfleet.common.text import printable
from filterfleet.common.wire import OutputFile
from filterfleet.listener.ledger.form import form_of, make_tables
from filterfleet.listener.ledger.journal import DONE, JOURNALS, SKIPPED, lines_of, source_of
from filterfleet.listener.ledger.minutes import fill_minutes
from filterfleet.listener.ledger.reading import Made, opened

FAULTS = 10  # that are told at most
LOGS = ("-wal", "-shm", "-journal")  # SQLite's own files beside a ledger

Intact = Callable[[Made], bool]  # whether all outputs of an image are as they were made
_Key = tuple[str, str]  # recipe and path


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """kept_as: the damaged ledger's new name. adopted: the number of images that the new one calls done."""

    kept_as: Path
    adopted: int


def faults_of(file: Path) -> list[str]:
    """What is wrong with a ledger, in sentences; nothing if it is whole. Raises FleetError when there is none, or when
    it was made by a newer version."""
    try:
        if not file.is_file():
            hint = "name the folder of the results with --output, or that of the ledger with --state"
            raise FleetError(f"There is no ledger {printable(str(file))}: {hint}.")
        with contextlib.closing(opened(file)) as db:
            if form_of(db, file) == 0:
                return ["It has no tables."]
            found = [str(text) for (text,) in db.execute(f"PRAGMA integrity_check({FAULTS})")]
            return [] if found == ["ok"] else [f"{text.strip()}." for text in found]
    except sqlite3.Error as error:
        return [f"{str(error).capitalize()}."]
    except OSError as error:
        raise FleetError(f"The ledger {printable(str(file))} cannot be read: {error.strerror}.") from None


def rebuild(file: Path, is_intact: Intact = lambda _: True) -> Rebuilt:
    """Put a new ledger in the place of a damaged one, which keeps its content under another name. No listener may run.

    The new one has what the journals say; an image whose outputs are not intact is left out, and so done again. Raises
    FleetError.
    """
    anew = file.with_name(f"{file.name}.new")
    try:
        anew.unlink(missing_ok=True)
        with own_folder(file.parent) as folder:
            make_file_in(folder, anew.name, anew)
        with contextlib.closing(sqlite3.connect(anew)) as db:
            make_tables(db, anew)
            adopted = sum(_adopt(db, journal, is_intact) for journal in _journals(file.parent))
            fill_minutes(db)
            db.commit()
        kept_as = file.with_name(f"{file.name}.damaged-{time.strftime('%Y%m%d-%H%M%S')}")
        for ending in ("", *LOGS):
            with contextlib.suppress(FileNotFoundError):
                Path(f"{file}{ending}").rename(f"{kept_as}{ending}")
        anew.rename(file)
    except (OSError, sqlite3.Error) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise FleetError(f"The ledger {printable(str(file))} cannot be made anew: {why}.") from None
    return Rebuilt(kept_as, adopted)


def _journals(state: Path) -> list[Path]:
    return sorted((state / JOURNALS).glob("[!.]*.jsonl"))


def _adopt(db: sqlite3.Connection, journal: Path, is_intact: Intact) -> int:
    """Record what a journal says. Returns how many images are done."""
    source = source_of(journal)
    if source is None:
        return 0
    done: dict[_Key, dict[str, Any]] = {}
    skipped: dict[_Key, dict[str, Any]] = {}
    listed: set[str] = set()
    for kind, *values in lines_of(journal):
        if kind == "done" and len(values) == len(DONE):
            done[values[0], values[1]] = dict(zip(DONE, values, strict=True))
        elif kind == "skipped" and len(values) == len(SKIPPED):
            skipped[values[0], values[1]] = dict(zip(SKIPPED, values, strict=True))
        elif kind == "gone" and len(values) == 2:
            done.pop((values[0], values[1]), None)
        elif kind == "listed" and len(values) == 1:
            listed.add(values[0])
    rows = [row for row in done.values() if (made := _made(row)) is not None and is_intact(made)]
    name = {"source": source.encode("utf-8", "surrogateescape")}
    db.executemany(_ADD.format(state="skipped"), [_octets(row) | name for row in skipped.values()])
    db.executemany(_ADD.format(state="done"), [_octets(row) | name for row in rows])
    db.executemany(_RESULT, [_octets(row) | name for row in rows])
    db.executemany(_LISTED, [name | {"recipe": recipe} for recipe in listed])
    return len(rows)


_ADD = """
INSERT OR REPLACE INTO objects (source, path, size, mtime_ns, tag, recipe, state, fresh, at)
VALUES (CAST(:source AS TEXT), CAST(:path AS TEXT), :size, :mtime_ns, CAST(:tag AS TEXT), :recipe, '{state}', 0, 0)
"""
_RESULT = """
INSERT OR REPLACE INTO results (source, path, size, mtime_ns, tag, recipe, job, outputs, sums, width, height, engine,
    worker, finished_at, notes)
VALUES (CAST(:source AS TEXT), CAST(:path AS TEXT), :size, :mtime_ns, CAST(:tag AS TEXT), :recipe, :job,
    CAST(:outputs AS TEXT), CAST(:sums AS TEXT), :width, :height, :engine, CAST(:worker AS TEXT), :finished_at,
    CAST(:notes AS TEXT))
"""
_LISTED = "INSERT OR IGNORE INTO listed (source, recipe) VALUES (CAST(:source AS TEXT), :recipe)"


def _octets(row: dict[str, Any]) -> dict[str, Any]:
    """Texts as bytes, since they need not be valid UTF-8."""
    texts = ("path", "tag", "outputs", "sums", "worker", "notes")
    return {
        name: value.encode("utf-8", "surrogateescape") if name in texts and isinstance(value, str) else value
        for name, value in row.items()
    }


def _made(row: dict[str, Any]) -> Made | None:
    """None for a line that this version does not understand."""
    try:
        outputs = tuple(OutputFile(*output) for output in json.loads(row["outputs"]))
        sums = json.loads(row["sums"]) if row["sums"] else None
        known = tuple(sums) if sums and len(sums) == len(outputs) else None
        return Made(str(row["path"]), outputs, known, at_source=True, finished_at=float(row["finished_at"]))
    except (ValueError, TypeError):
        return None
