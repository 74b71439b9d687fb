"""All files below a folder of a remote, as a stream: `rclone lsjson` prints an object a line while it lists."""

from __future__ import annotations

import json
import subprocess
import tempfile
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from filterfleet.listener.cloud.rclone.errors import complaints, explain
from filterfleet.listener.cloud.rclone.facts import Facts, tries
from filterfleet.listener.cloud.rclone.processes import Processes
from filterfleet.listener.interfaces import TransferError

SECOND = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Entry:
    """A file. size in bytes, -1 for what has none, as a Google Doc; id and hash where the store gives them away."""

    path: str
    size: int
    mtime_ns: int
    id: str = ""
    hash: str = ""


def parse_entry(item: dict[str, Any], *, whole_seconds: bool) -> Entry:
    """One of rclone's objects. whole_seconds: the store tells fractions only in listings. Raises KeyError and
    ValueError."""
    mtime = parse_time(item["ModTime"])
    hashes = item.get("Hashes") or {}
    return Entry(
        item["Path"],
        int(item["Size"]),
        mtime - mtime % SECOND if whole_seconds else mtime,
        item.get("ID", ""),
        next((f"{kind}:{hashes[kind]}" for kind in sorted(hashes) if hashes[kind]), ""),
    )


def parse_time(text: str) -> int:
    """RFC 3339 with up to nine digits of a second -> nanoseconds since the epoch; none at all is 0."""
    if not text:
        return 0
    head, digits, zone = text[:19], "", text[19:]
    if zone.startswith("."):
        digits = zone[1 : next((n for n, c in enumerate(zone) if n and not c.isdigit()), len(zone))]
        zone = zone[1 + len(digits) :]
    moment = datetime.fromisoformat(head + (zone or "Z")).astimezone(UTC)
    return int(moment.timestamp()) * SECOND + int(digits.ljust(9, "0")[:9] or 0)


def parse_lines(lines: Iterable[bytes], *, whole_seconds: bool) -> Iterator[Entry]:
    """Raises ValueError and KeyError for what is no listing of rclone's."""
    for line in lines:
        text = line.strip().rstrip(b",")
        if text not in (b"", b"[", b"]"):
            yield parse_entry(json.loads(text), whole_seconds=whole_seconds)


class Lister:
    """Listings under way, so that close() can end them."""

    def __init__(self, processes: Processes, arguments: Sequence[str]) -> None:
        self._processes = processes
        self._arguments = ["lsjson", "--recursive", "--files-only", "--no-mimetype", "--fast-list", *arguments]
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._closed = False

    def entries(self, fs: str, patterns: Sequence[str], facts: Facts) -> Iterator[Entry]:
        """Raises TransferError, also at the end of a listing that is not complete."""
        options = [f"--filter={pattern}" for pattern in patterns] + (["--hash"] if facts.hash else [])
        options.append(f"--low-level-retries={tries(facts.kind)}")
        with tempfile.TemporaryFile() as said:
            process = self._start([*self._arguments, *options, "--", fs], said)
            assert process.stdout is not None
            try:
                yield from parse_lines(process.stdout, whole_seconds=facts.whole_seconds)
                code = process.wait()
            except (ValueError, KeyError) as error:
                raise explain(f"its listing cannot be understood: {error}", fs) from None
            finally:
                self._end(process)
            if code != 0:
                said.seek(0)
                raise explain(complaints(said.read(1 << 16).decode(errors="replace")), fs)

    def _start(self, arguments: Sequence[str], said: Any) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._closed:
                raise TransferError("The work with remotes has ended.", transient=True)
            try:
                process = self._processes.start(arguments, stdout=subprocess.PIPE, stderr=said)
            except OSError as error:
                raise TransferError(f"rclone cannot be started: {error.strerror}.", transient=True) from None
            self._running.add(process)
            return process

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
        with self._lock:
            self._running.discard(process)

    def close(self) -> None:
        with self._lock:
            self._closed = True
            for process in self._running:
                process.kill()
