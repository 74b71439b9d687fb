"""A second record of the images that are done, in JSON beside the ledger: a damaged ledger is made anew from it.

It belongs to one source. The ledger's own triggers tell it what is recorded, so that nobody can forget to. Lines are
written soon after the ledger's commit: what a kill keeps from the journal is done again after a rebuild, no more.

    ["done", recipe, path, size, mtime_ns, tag, job, outputs, sums, width, height, engine, worker, finished_at, notes]
    ["skipped", recipe, path, size, mtime_ns, tag]
    ["gone", recipe, path]
    ["listed", recipe]

Later lines about a path replace earlier ones. The first line is a header: ["journal", source, bytes when it was whole].
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from filterfleet.common.ours import file_in, folder_in, own_folder
from filterfleet.listener.state import digest

JOURNALS = "journals"  # in the state folder
SLACK = 1 << 20  # bytes that a journal may grow by beyond its double before it is written anew

DONE = (
    *("recipe", "path", "size", "mtime_ns", "tag", "job", "outputs", "sums", "width", "height"),
    *("engine", "worker", "finished_at", "notes"),
)
SKIPPED = DONE[:5]
_TEXTS = frozenset({"path", "tag", "outputs", "sums", "worker", "notes"})  # perhaps not valid UTF-8
_Line = list[Any]


def journal_file(state: Path, source: str) -> Path:
    return state / JOURNALS / f"{digest(source)}.jsonl"


class Journal:
    """Where lines go for one source of a ledger that is open. Raises FleetError when its file is not ours."""

    def __init__(self, state: Path, source: str, db: sqlite3.Connection) -> None:
        self._source = source
        self._octets = source.encode("utf-8", "surrogateescape")
        self._file = journal_file(state, source)
        self._lines: list[bytes] = []
        with contextlib.ExitStack() as opening:
            home = opening.enter_context(own_folder(state))
            self._folder = folder_in(home, JOURNALS, state / JOURNALS)
            opening.callback(os.close, self._folder)
            self._descriptor = file_in(self._folder, self._file.name, self._file)
            opening.callback(lambda: os.close(self._descriptor))
            if self._is_due():
                self._write_anew(db)
            self._listen(db)
            self._open = opening.pop_all()

    def close(self) -> None:
        self.flush()
        self._open.close()

    def flush(self) -> None:
        """Write what has been recorded since the last time. A full disk costs lines, and nothing else."""
        if not self._lines:
            return
        data = b"\n" + b"\n".join(self._lines) + b"\n"  # the line before may have been cut
        self._lines.clear()
        with contextlib.suppress(OSError):
            os.lseek(self._descriptor, 0, os.SEEK_END)
            os.write(self._descriptor, data)

    def _listen(self, db: sqlite3.Connection) -> None:
        db.create_function("journal", -1, self._record)
        db.execute(_trigger("done", "INSERT ON results", DONE))
        db.execute(_trigger("done_again", "UPDATE ON results", DONE, kind="done"))
        db.execute(_trigger("skipped", "INSERT ON objects", SKIPPED, when="NEW.state = 'skipped'"))
        gone = "NEW.departure IN ('theirs', 'ours')"
        db.execute(_trigger("gone", "UPDATE OF departure ON objects", DONE[:2], when=gone))
        db.execute(_trigger("listed", "INSERT ON listed", DONE[:1]))

    def _record(self, kind: str, source: bytes, *values: Any) -> None:
        if source == self._octets:
            self._lines.append(_line(kind, values))

    def _is_due(self) -> bool:
        """Whether the journal is new, or mostly consists of lines that later ones have replaced."""
        size = os.fstat(self._descriptor).st_size
        with open(self._descriptor, "rb", closefd=False) as file:
            whole = _header(file.readline())
        return whole is None or size > 2 * whole + SLACK

    def _write_anew(self, db: sqlite3.Connection) -> None:
        hidden = f".{self._file.name}"
        descriptor = file_in(self._folder, hidden, self._file.with_name(hidden))
        try:
            with open(descriptor, "wb", closefd=False) as file:
                os.ftruncate(descriptor, 0)
                header = len(self._header_line(0))
                file.write(b" " * header)
                file.writelines(line + b"\n" for line in self._state(db))
                size = file.tell()
                file.seek(0)
                file.write(self._header_line(size))
            os.rename(hidden, self._file.name, src_dir_fd=self._folder, dst_dir_fd=self._folder)
        except OSError:  # a full disk: the old one still serves
            os.close(descriptor)
            return
        os.close(self._descriptor)
        self._descriptor = descriptor

    def _header_line(self, size: int) -> bytes:
        return json.dumps(["journal", self._source, f"{size:020}"]).encode() + b"\n"

    def _state(self, db: sqlite3.Connection) -> Iterator[bytes]:
        """The lines that say what the ledger says now."""
        source = {"source": self._octets}
        for kind, fields, rows in (("done", DONE, _DONE_ROWS), ("skipped", SKIPPED, _SKIPPED_ROWS)):
            for values in db.execute(f"SELECT {_columns(fields)} {rows}", source):
                yield _line(kind, values)
        for values in db.execute("SELECT recipe FROM listed WHERE source = CAST(:source AS TEXT)", source):
            yield _line("listed", values)


_DONE_ROWS = (
    "FROM results JOIN objects USING (source, path, size, mtime_ns, tag, recipe) "
    "WHERE source = CAST(:source AS TEXT) AND state = 'done' AND departure IS NOT 'theirs' AND departure IS NOT 'ours'"
)
_SKIPPED_ROWS = "FROM objects WHERE source = CAST(:source AS TEXT) AND state = 'skipped'"


def lines_of(file: Path) -> Iterator[_Line]:
    """The lines of a journal, without its header, and without those that were cut. Raises OSError."""
    with file.open("rb") as lines:
        for text in lines:
            with contextlib.suppress(ValueError, RecursionError):
                line = json.loads(text)
                if isinstance(line, list) and line and line[0] != "journal":
                    yield line


def source_of(file: Path) -> str | None:
    """The source that a journal belongs to, if its header says so. Raises OSError."""
    with file.open("rb") as lines, contextlib.suppress(ValueError, RecursionError, TypeError):
        kind, source, _ = json.loads(lines.readline())
        return source if kind == "journal" and isinstance(source, str) else None
    return None


def _header(line: bytes) -> int | None:
    try:
        _, _, size = json.loads(line)
        return int(size)
    except (ValueError, TypeError):
        return None


def _line(kind: str, values: Any) -> bytes:
    texts = [value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else value for value in values]
    return json.dumps([kind, *texts], separators=(",", ":")).encode()


def _trigger(name: str, event: str, fields: tuple[str, ...], *, kind: str = "", when: str = "1") -> str:
    """A trigger of this connection alone, which calls the function journal."""
    columns = ", ".join(_column(field, "NEW.") for field in ("source", *fields))
    return (
        f"CREATE TEMP TRIGGER journal_{name} AFTER {event} WHEN {when} "
        f"BEGIN SELECT journal('{kind or name}', {columns}); END"
    )


def _columns(fields: tuple[str, ...]) -> str:
    return ", ".join(_column(field, "") for field in fields)


def _column(field: str, table: str) -> str:
    """As bytes where it need not be valid UTF-8."""
    return f"CAST({table}{field} AS BLOB)" if field in _TEXTS or field == "source" else f"{table}{field}"
