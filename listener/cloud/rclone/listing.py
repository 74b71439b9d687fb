"""Listings of a remote's folder: `rclone lsjson` prints one object a line while it lists, and we read along.

So no more than one object is in memory here, and rclone ends with the listing.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from filterfleet.listener.cloud.rclone.errors import complaints, explain
from filterfleet.listener.cloud.rclone.facts import Facts, base_name, tries
from filterfleet.listener.cloud.rclone.hidden import LISTED, Secrets, arguments_of
from filterfleet.listener.cloud.rclone.processes import Processes
from filterfleet.listener.interfaces import TransferError

SECOND = 1_000_000_000  # nanoseconds


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of a remote."""

    path: str  # below the folder that was listed
    size: int  # bytes; -1 for an object without a size, such as a Google Doc
    mtime_ns: int  # nanoseconds since the epoch; 0 if the store does not tell
    id: str = ""  # empty if the store has no ids
    hash: str = ""  # "md5:0123..."; empty if the listing tells none


def parse_entry(item: dict[str, Any], *, whole_seconds: bool) -> Entry:
    """Parse one of rclone's objects. whole_seconds: cut the time to seconds. Raises KeyError and ValueError."""
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
    """Nanoseconds since the epoch of an RFC 3339 time with up to nine digits after the seconds; 0 for an empty text.

    An instant that Python has no word for counts as not told. datetime keeps only six digits. Raises ValueError.
    """
    if not text:
        return 0
    head, digits, zone = text[:19], "", text[19:]
    if zone.startswith("."):
        digits = zone[1 : next((n for n, c in enumerate(zone) if n and not c.isdigit()), len(zone))]
        zone = zone[1 + len(digits) :]
    try:
        moment = datetime.fromisoformat(head + (zone or "Z")).astimezone(UTC)
    except OverflowError:  # the year 1 of Go's zero time, east of Greenwich
        return 0
    return int(moment.timestamp()) * SECOND + int(digits.ljust(9, "0")[:9] or 0)


def parse_lines(lines: Iterable[bytes], *, whole_seconds: bool) -> Iterator[Entry]:
    """The files in the output of `rclone lsjson`. Raises ValueError and KeyError for any other output."""
    for line in lines:
        text = line.strip().rstrip(b",")
        if text not in (b"", b"[", b"]"):
            yield parse_entry(json.loads(text), whole_seconds=whole_seconds)


class Lister:
    """Makes listings, and can end those under way. Any thread may use it."""

    def __init__(self, processes: Processes, arguments: Sequence[str], secrets: Secrets) -> None:
        self._processes = processes
        self._secrets = secrets
        self._arguments = ["lsjson", "--recursive", "--files-only", "--no-mimetype", "--fast-list", *arguments]
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._closed = False

    def entries(self, fs: str, patterns: Sequence[str], facts: Facts) -> Iterator[Entry]:
        """All files below fs that pass patterns, which are rclone's filter rules.

        Raises TransferError; at the end if only a part could be listed.
        """
        options = [f"--filter={pattern}" for pattern in patterns] + (["--hash"] if facts.hash else [])
        options.append(f"--low-level-retries={tries(facts.kind)}")
        self._secrets.learn(fs)
        name, environment = arguments_of(fs)
        with tempfile.TemporaryFile() as said:
            process = self._start([*self._arguments, *options, "--", name], said, environment)
            assert process.stdout is not None
            try:
                yield from parse_lines(process.stdout, whole_seconds=facts.whole_seconds)
                code = process.wait()
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
                raise explain(f"its listing cannot be understood: {error}", fs) from None
            finally:
                self._end(process)
            if code != 0:
                said.seek(0)
                text = self._secrets.hide(said.read(1 << 16).decode(errors="replace"))
                raise explain(complaints(text).replace(LISTED, base_name(fs)), fs)

    def _start(self, arguments: Sequence[str], said: Any, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._closed:
                raise TransferError("The work with remotes has ended.", transient=True)
            try:
                process = self._processes.start(arguments, stdout=subprocess.PIPE, stderr=said, secrets=environment)
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
        """End the listings under way, which raise TransferError, and refuse new ones."""
        with self._lock:
            self._closed = True
            for process in self._running:
                process.kill()
