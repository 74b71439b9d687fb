"""What commands print on a terminal: names are shown as they are, and none of them can control it.

The common ones do without Rich, which takes 25 ms to load.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from typing import TextIO

import typer

from filterfleet.common.text import one_line, printable
from filterfleet.listener.core.left_alone import sentence
from filterfleet.listener.ledger.ledger import Failure, Ledger

INTERRUPTED = 130  # exit code after Ctrl-C or SIGTERM

# Seconds between two looks at the ledger, and how many times longer than a look it is at least, since a ledger of a
# million images takes long to count. More leaves more of the processor to the images; less moves the bar more often.
LOOK = 0.2
SHARE = 100.0

WIDTH = 30  # characters of a bar


class Bar:
    """A line about how far the work is: on a terminal drawn again and again, elsewhere printed once, at the end."""

    def __init__(self, name: str, *, stderr: bool = False) -> None:
        self._name = name
        self._stream: TextIO = sys.stderr if stderr else sys.stdout
        self._drawn = obeys(self._stream)
        self._began = time.monotonic()
        self._shown = ""
        self._next_look = 0.0

    def look(self, ledger: Ledger) -> None:
        """Update it from the ledger, when that is due. Only a terminal shows it on the way."""
        if self._drawn and (began := time.monotonic()) >= self._next_look:
            progress = ledger.progress()
            self.update(progress.done + progress.failed, progress.total)
            ended = time.monotonic()
            self._next_look = ended + max(LOOK, SHARE * (ended - began))

    def update(self, done: int, total: int) -> None:
        """total is 0 while nobody knows it."""
        seconds = time.monotonic() - self._began
        part = min(WIDTH, WIDTH * done // total) if total else 0
        bar = f"{'━' * part}{'─' * (WIDTH - part)}"
        self._shown = (
            f"{self._name} {bar} {done}/{total or '?'}  {done / max(seconds, LOOK):.1f} images/s  {_clock(seconds)}"
        )
        if self._drawn:
            columns = shutil.get_terminal_size().columns
            self._write(f"\r{self._shown[: columns - 1]}\x1b[K")  # and erase what is left of a longer line

    def tell(self, sentence: str) -> None:
        """Say something above the line, on standard error."""
        if self._drawn:
            self._write("\r\x1b[K")
        typer.echo(sentence, err=True)

    def close(self) -> None:
        if self._shown:
            self._write("\n" if self._drawn else f"{self._shown}\n")

    def _write(self, text: str) -> None:
        encoding = self._stream.encoding
        self._stream.write(text.encode(encoding, "replace").decode(encoding))
        self._stream.flush()


def obeys(stream: TextIO) -> bool:
    """Whether it is a terminal that understands escape sequences."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"


def print_failures(failures: Sequence[Failure], *, stderr: bool = False) -> None:
    coloured = obeys(sys.stderr if stderr else sys.stdout) and not os.environ.get("NO_COLOR")
    failed = typer.style("failed", fg="red") if coloured else "failed"
    for failure in failures:
        typer.echo(f"{failed} {printable(failure.path)}: {one_line(failure.reason)}", err=stderr)


def print_left_alone(counts: Mapping[str, int], *, stderr: bool = False) -> None:
    if said := sentence(counts):
        typer.echo(printable(said), err=stderr)
