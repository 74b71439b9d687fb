"""What `filterfleet up` says while it watches: one line that stays on a terminal, and a line a minute elsewhere."""

from __future__ import annotations

import logging
import shutil
import sys
import time

from filterfleet.common.logs import ALL
from filterfleet.common.text import one_line
from filterfleet.common.words import of_waits, time_left
from filterfleet.console import obeys
from filterfleet.listener.present import Present

DRAWN, PRINTED = 1.0, 60.0  # seconds between two looks on a terminal, and between two lines elsewhere


def fleet_words(present: Present | None, alive: int, workers: int) -> str:
    """What a fleet of this machine does: present is its listener's, None before that has said anything."""
    fleet = f"{alive} of {workers} workers alive"
    if present is None:
        return f"Starting: {fleet}"
    counts, rate = present.counts, present.per_minute
    left = f" (about {left} left)" if (left := time_left(counts, rate)) else ""
    work = f"{counts.done} done, {counts.failed} failed, {counts.pending} to do{left}"
    return f"{work}, {rate:g} images a minute, {fleet}{of_waits(present.waits)}"


class LiveLine:
    """Logging goes on meanwhile: a record erases the line, which is drawn again below it."""

    def __init__(self) -> None:
        self._drawn = obeys(sys.stdout)
        self._next = 0.0
        self._shown = ""
        self._eraser = _Eraser(self)
        if self._drawn:
            logging.getLogger(ALL).handlers.insert(0, self._eraser)

    @property
    def is_due(self) -> bool:
        return time.monotonic() >= self._next

    def show(self, words: str) -> None:
        text = one_line(words)
        if self._drawn:
            self._next = time.monotonic() + DRAWN
            if text != self._shown:
                self._write(f"\r{text[: shutil.get_terminal_size().columns - 1]}\x1b[K")
        else:
            self._next = time.monotonic() + PRINTED
            self._write(f"{text}\n")
        self._shown = text

    def erase(self) -> None:
        if self._shown:
            self._shown, self._next = "", 0.0
            self._write("\r\x1b[K")

    def close(self) -> None:
        if self._drawn:
            logging.getLogger(ALL).removeHandler(self._eraser)
            if self._shown:
                self._write("\n")

    def _write(self, text: str) -> None:
        encoding = sys.stdout.encoding
        sys.stdout.write(text.encode(encoding, "replace").decode(encoding))
        sys.stdout.flush()


class _Eraser(logging.Handler):
    def __init__(self, line: LiveLine) -> None:
        super().__init__()
        self._line = line

    def emit(self, _record: logging.LogRecord) -> None:
        self._line.erase()
