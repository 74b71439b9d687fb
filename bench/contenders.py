"""Who takes part in `bench compare` and `bench all`, and how each is started."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from filterfleet.bench import programs
from filterfleet.bench.outputs import check_same, check_similar
from filterfleet.bench.peers.catalogue import Peer
from filterfleet.bench.peers.protocol import WARM
from filterfleet.common.process.ports import free_ports

PLAIN = "plain OpenCV, one process"
OURS = "our pipeline, one process"

Command = Callable[[Path, Path], list[str]]  # (source, output)
Check = Callable[[Path, Path, str], None]  # (expected, found, name): raises FleetError
_PYTHON = (sys.executable, "-P")
MPIEXEC = Path(sys.executable).with_name("mpiexec")  # that of the extra `mpi`


@dataclass(slots=True)
class Contender:
    """One way to do the work.

    warm: its workers are started before the clock (peers/protocol.py); otherwise the clock covers the whole command.
    like: the contender whose outputs its own have to be like, as check finds. slow: it takes seconds to start.
    """

    name: str
    command: Command
    like: str
    warm: bool = False
    check: Check = check_same
    slow: bool = False
    seconds: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)  # seconds of processor time, of commands from start to exit

    def measure(self, source: Path, output: Path) -> None:
        """One run into an empty output folder. Raises FleetError when it fails."""
        shutil.rmtree(output, ignore_errors=True)
        command = self.command(source, output)
        if self.warm:
            self.seconds.append(programs.from_go_to_done(self.name, command))
        else:
            seconds, cpu = programs.whole(self.name, command)
            self.seconds.append(seconds)
            self.cpu.append(cpu)


def plain() -> Contender:
    return Contender(PLAIN, _of_two("plain"), PLAIN)


def plain_warm() -> Contender:
    return Contender(f"{PLAIN}, warm", _of_three("peers.serial", 1, WARM), PLAIN, warm=True)


def sequential() -> Contender:
    return Contender(OURS, _of_two("sequential"), OURS)


def commands(workers: int) -> list[Contender]:
    """Our whole commands, with each engine that is installed."""
    two = max(1, workers // 2)
    found = [
        _run("threads", "--threads", str(workers)),
        _run("processes", "--workers", str(workers), "--threads", "1"),
        _run("processes", "--workers", str(two), "--threads", "2", words=f", {two} x 2 threads"),
    ]
    if not _missing("mpi"):
        found.append(_mpi(workers))
    if not _missing("dask"):
        found.append(_dask(workers))
    return [*found, _up(workers)]


def engines_left_out() -> list[str]:
    """A sentence for each of our engines that cannot take part here."""
    return [f"run --engine {name} needs the extra {name}." for name in ("mpi", "dask") if _missing(name)]


def _missing(extra: str) -> bool:
    if extra == "mpi":
        return importlib.util.find_spec("mpi4py") is None or not MPIEXEC.exists()
    return importlib.util.find_spec("distributed") is None


def fleet(workers: int) -> Contender:
    """A broker, a listener and that number of workers with one thread each, which are up."""
    return Contender(f"fleet of {workers}, warm", _of_three("fleet_batch", workers, WARM), OURS, warm=True)


def cold(peer: Peer, workers: int) -> Contender:
    """A peer's whole program."""
    check = check_same if peer.exact else check_similar
    return Contender(peer.name, _of_three(f"peers.{peer.module}", workers), PLAIN, check=check)


def warm(peer: Peer, workers: int) -> Contender:
    """A peer that is up. Only those can be that have workers."""
    return Contender(f"{peer.name}, warm", _of_three(f"peers.{peer.module}", workers, WARM), PLAIN, warm=True)


def contenders(workers: int, peers: Sequence[Peer]) -> list[Contender]:
    """The plain program first, then ours, then these peers, which must have workers."""
    found = [plain(), sequential(), *commands(workers), *(fleet(count) for count in sorted({1, workers}))]
    found.append(plain_warm())
    for peer in peers:
        found += [cold(peer, workers), warm(peer, workers)]
    return found


def _of_two(module: str) -> Command:
    return lambda source, output: [*_PYTHON, "-m", f"filterfleet.bench.{module}", str(source), str(output)]


def _of_three(module: str, workers: int, *options: str) -> Command:
    program = _of_two(module)
    return lambda source, output: [*program(source, output), str(workers), *options]


def _run(engine: str, *size: str, words: str = "") -> Contender:
    def command(source: Path, output: Path) -> list[str]:
        return [*_PYTHON, "-m", "filterfleet", "run", str(source), str(output), "--engine", engine, *size]

    return Contender(f"run --engine {engine}{words}", command, OURS)


def _dask(workers: int) -> Contender:
    run = _run("dask", "--workers", str(workers), "--threads", "1")
    run.slow = True
    return run


def _mpi(workers: int) -> Contender:
    """One rank more than workers: rank 0 hands out the images."""
    run = _run("mpi")

    def command(source: Path, output: Path) -> list[str]:
        return [str(MPIEXEC), "-launcher", "fork", "-n", str(workers + 1), *run.command(source, output)]

    return Contender(run.name, command, OURS)


def _up(workers: int) -> Contender:
    def command(source: Path, output: Path) -> list[str]:
        ports = free_ports()
        return [
            *(*_PYTHON, "-m", "filterfleet", "up", "--source", str(source), "--output", str(output), "--once"),
            *("--workers", str(workers), "--threads", "1"),
            *("--frontend-port", str(ports.frontend), "--backend-port", str(ports.backend)),
        ]

    return Contender("up --once", command, OURS)
