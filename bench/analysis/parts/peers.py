"""What other systems do when one of their workers is killed in the middle of a batch."""

from __future__ import annotations

import contextlib
import os
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filterfleet.bench.contenders import warm
from filterfleet.bench.outputs import different, files_of
from filterfleet.bench.peers.catalogue import Peer
from filterfleet.bench.peers.protocol import TRACE
from filterfleet.bench.programs import Program, started
from filterfleet.common.errors import FleetError

DEADLINE = 30.0  # seconds without an output after which a system counts as hanging
BEGUN = 0.25  # of the photographs
LOOK, SECOND = 0.02, 1.0  # seconds between looks at what is done, before and after the fault


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of a batch. answer is the last word of the program: done, nothing when it failed, or None when it
    hangs. seconds count from the fault; redone are photographs that were begun more than once."""

    answer: str | None
    seconds: float
    outputs: int
    missing: int
    redone: int

    @property
    def words(self) -> str:
        lost = f"{self.missing:,} of {self.outputs:,} outputs are missing or wrong"
        if self.answer is None:
            return f"hangs: {lost} after {DEADLINE:g} s without a further one"
        if self.answer != "done":
            return f"ends with an error after {self.seconds:.1f} s: {lost}"
        again = f"photographs begun again: {self.redone}"
        if self.missing:
            return f"says after {self.seconds:.1f} s that all is done, but {lost}"
        return f"recovers: done {self.seconds:.1f} s after the fault, nothing missing, {again}"


def fate_of(peer: Peer, workers: int, source: Path, output: Path, expected: Path) -> Fate | None:
    """Kill -9 a worker of a system that is up, after a quarter of its photographs. None when it has no worker process.

    Raises FleetError when the system fails before.
    """
    command = warm(peer, workers).command(source, output)
    count = len(files_of(source))
    with _trace() as trace, started(peer.name, command, {TRACE: str(trace)}) as program:
        program.expect("ready")
        for file in trace.iterdir():
            file.unlink()  # what was done before the clock started
        program.say()
        _wait(program, output, BEGUN * count)
        worker = _busiest(trace)
        if worker == program.process.pid:
            return None
        began = time.monotonic()
        os.kill(worker, signal.SIGKILL)
        answer = _answer(program, output)
        seconds = time.monotonic() - began
        begun = [name for file in trace.iterdir() for name in file.read_text().splitlines()]
    return Fate(answer, seconds, len(files_of(expected)), different(expected, output), len(begun) - len(set(begun)))


@contextmanager
def _trace() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="filterfleet-bench-", ignore_cleanup_errors=True) as name:
        yield Path(name)


def _answer(program: Program, output: Path) -> str | None:
    done, since = -1, time.monotonic()
    while (answer := program.hear(SECOND)) is None:
        if (now := _count(output)) != done:
            done, since = now, time.monotonic()
        elif time.monotonic() - since > DEADLINE:
            return None
    return answer


def _count(output: Path) -> int:
    return len(os.listdir(output / "edges"))


def _wait(program: Program, output: Path, count: float) -> None:
    deadline = time.monotonic() + DEADLINE
    while _count(output) < count:
        if time.monotonic() > deadline or program.process.poll() is not None:
            raise FleetError(f"{program.name} does not begin.")
        time.sleep(LOOK)


def _busiest(trace: Path) -> int:
    """The process that has begun most photographs, of those that are alive."""
    begun = {int(file.name): file.stat().st_size for file in trace.iterdir()}
    alive = [pid for pid in begun if _is_alive(pid)]
    return max(alive, key=lambda pid: begun[pid])


def _is_alive(pid: int) -> bool:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False
