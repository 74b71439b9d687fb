"""Listings of a remote's folder: `rclone lsjson` prints one object a line while it lists, and we read along.

So no more than one object is in memory here, and rclone ends with the listing.
"""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from filterfleet.listener.cloud.rclone.errors import complaints, explain
from filterfleet.listener.cloud.rclone.facts import Facts, base_name, tries
from filterfleet.listener.cloud.rclone.hidden import LISTED, Secrets, arguments_of
from filterfleet.listener.cloud.rclone.processes import Processes
from filterfleet.listener.interfaces import TransferError

SECOND = 1_000_000_000  # nanoseconds
_TIME = re.compile(
    r"([+-]?\d{1,18})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(?P<digits>\d+))?"
    r"(?:Z|(?P<sign>[+-])(?P<hours>\d\d):(?P<minutes>\d\d))?",
    re.ASCII,
)


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

    The year may have any number of digits: stores tell of times that datetime does not know. Raises ValueError.
    """
    if not text:
        return 0
    found = _TIME.fullmatch(text)
    if found is None:
        raise ValueError(f"{text:.40} is not a time")
    year, month, day, hour, minute, second = map(int, found.group(*range(1, 7)))
    if not (1 <= month <= 12 and 1 <= day <= 31 and hour <= 24 and minute <= 59 and second <= 60):
        raise ValueError(f"{text:.40} is not a time")
    # The Gregorian calendar repeats itself every 400 years, which have 146,097 days.
    cycles, like = divmod(year - 2000, 400)
    days = date(2000 + like, month, 1).toordinal() + day - 1 - date(1970, 1, 1).toordinal() + 146_097 * cycles
    sign, east = (-1 if found["sign"] == "-" else 1), 60 * int(found["hours"] or 0) + int(found["minutes"] or 0)
    seconds = 86_400 * days + 3600 * hour + 60 * minute + second - sign * 60 * east
    return seconds * SECOND + int((found["digits"] or "")[:9].ljust(9, "0"))


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
