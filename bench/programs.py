"""Programs that are timed: as a whole, or from the moment at which they are told to go (peers/protocol.py)."""

from __future__ import annotations

import contextlib
import os
import resource
import select
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO

from filterfleet.bench.processes import descendants
from filterfleet.common.errors import FleetError

PATIENCE = 300.0  # seconds that a program may take


@dataclass(frozen=True, slots=True)
class Program:
    """A running program, with its standard input and output. errors is a file with its standard error."""

    name: str
    process: subprocess.Popen[str]
    errors: IO[str]

    def say(self) -> None:
        """Have it go on. One that has ended does not, as its next word will tell."""
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write("\n")
            self.process.stdin.flush()

    def hear(self, patience: float = PATIENCE) -> str | None:
        """Its next word, the empty string when it has ended, or None when it says nothing for that many seconds.
        It says one word at a time."""
        assert self.process.stdout is not None
        if not select.select([self.process.stdout], [], [], patience)[0]:
            return None
        return self.process.stdout.readline().strip()

    def expect(self, word: str) -> None:
        """Raises FleetError unless its next word is this one."""
        heard = self.hear()
        if heard is None:
            raise FleetError(f"{self.name} took longer than {PATIENCE:g} s.")
        if heard != word:
            self.process.wait()
            raise self.failure()

    def failure(self) -> FleetError:
        self.errors.seek(0)
        return FleetError(f"{self.name} failed: {' '.join(self.errors.read().strip().splitlines()[-1:])}")


@contextmanager
def started(name: str, command: Sequence[str], environment: Mapping[str, str] | None = None) -> Iterator[Program]:
    """Run a program. What is left of it at the end is removed: processes below it, and temporary files, which systems
    leave behind when they are killed, and some of them always."""
    with (
        tempfile.TemporaryDirectory(prefix="ff-", ignore_cleanup_errors=True) as scratch,
        tempfile.TemporaryFile("w+", errors="replace") as errors,
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=os.environ | {"NO_COLOR": "1", "TMPDIR": scratch, "RAY_TMPDIR": scratch} | dict(environment or {}),
        ) as process,
    ):
        try:
            yield Program(name, process, errors)
        finally:
            _kill(process)


def whole(name: str, command: Sequence[str]) -> tuple[float, float]:
    """Seconds from start to exit, and seconds of processor time of all its processes. Raises FleetError."""
    used, began = _children(), time.perf_counter()
    with started(name, command) as program:
        try:
            program.process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            raise FleetError(f"{name} took longer than {PATIENCE:g} s.") from None
        seconds = time.perf_counter() - began
        if program.process.returncode != 0:
            raise program.failure()
    return seconds, _children() - used


def from_go_to_done(name: str, command: Sequence[str]) -> float:
    """Seconds that a program takes that is ready before the clock starts. Raises FleetError."""
    with started(name, command) as program:
        program.expect("ready")
        began = time.perf_counter()
        program.say()
        program.expect("done")
        seconds = time.perf_counter() - began
        try:
            program.process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            raise FleetError(f"{name} does not end.") from None
        if program.process.returncode != 0:
            raise program.failure()
    return seconds


def _children() -> float:
    """Seconds of processor time of all descendants that have ended and been waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _kill(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        for pid in [process.pid, *descendants(process.pid)]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
