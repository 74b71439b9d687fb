"""Who takes part in `bench compare`, and how each is started."""

from __future__ import annotations

import importlib.util
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from filterfleet.bench.peers.protocol import WARM
from filterfleet.common.errors import FleetError
from filterfleet.common.process.ports import free_ports

PLAIN = "plain OpenCV, one process"
OURS = "our pipeline, one process"

Arguments = Callable[[Path, Path], list[str]]  # (source, output) -> what follows the interpreter


@dataclass(slots=True)
class Contender:
    """One way to do the work.

    warm: its workers are started before the clock (peers/protocol.py); otherwise the clock covers the whole command.
    like: the contender that must have made the same files, byte for byte.
    """

    name: str
    arguments: Arguments
    like: str
    warm: bool = False
    seconds: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)  # seconds of processor time, of commands from start to exit

    def measure(self, source: Path, output: Path) -> None:
        """One run into an empty output folder. Raises FleetError when it fails."""
        shutil.rmtree(output, ignore_errors=True)
        command = [sys.executable, "-P", *self.arguments(source, output)]
        environment = os.environ | {"NO_COLOR": "1"}
        began, used = time.perf_counter(), _children()
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
        ) as child:
            if self.warm:
                self._time_from_go_to_done(child)
            _, errors = child.communicate()
            if not self.warm:
                self.seconds.append(time.perf_counter() - began)
                self.cpu.append(_children() - used)
        if child.returncode != 0:
            raise FleetError(f"{self.name} failed: {' '.join(errors.strip().splitlines()[-1:])}")

    def _time_from_go_to_done(self, child: subprocess.Popen[str]) -> None:
        assert child.stdin is not None
        assert child.stdout is not None
        if child.stdout.readline() != "ready\n":
            return  # it has ended, and the exit code tells how
        began = time.perf_counter()
        child.stdin.write("\n")
        child.stdin.flush()
        if child.stdout.readline() == "done\n":
            self.seconds.append(time.perf_counter() - began)


def _children() -> float:
    """Seconds of processor time of all descendants that have ended and been waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def contenders(workers: int, *, peers: bool) -> list[Contender]:
    """The plain program first, then ours, then the peers whose packages are installed, if they are wanted."""
    found = [
        Contender(PLAIN, lambda source, output: [*_module("plain"), str(source), str(output)], PLAIN),
        Contender(OURS, lambda source, output: [*_module("sequential"), str(source), str(output)], OURS),
        _run("threads", "--threads", str(workers)),
        _run("processes", "--workers", str(workers), "--threads", "1"),
        _up(workers),
        *(_warm("warm_fleet", f"fleet of {count}", count, OURS) for count in sorted({1, workers})),
    ]
    if peers:
        for module, name, package in (
            ("peers.pool", "multiprocessing.Pool", None),
            ("peers.futures", "futures, processes", None),
            ("peers.threads", "futures, threads", None),
            ("peers.joblib", "joblib", "joblib"),
            ("peers.dask", "Dask distributed", "distributed"),
            ("peers.ray", "Ray", "ray"),
        ):
            if package is None or importlib.util.find_spec(package):
                found += [_whole(module, name, workers), _warm(module, name, workers, PLAIN)]
    return found


def _module(name: str) -> tuple[str, str]:
    return "-m", f"filterfleet.bench.{name}"


def _run(engine: str, *size: str) -> Contender:
    def arguments(source: Path, output: Path) -> list[str]:
        return ["-m", "filterfleet", "run", str(source), str(output), "--engine", engine, *size]

    return Contender(f"run --engine {engine}", arguments, OURS)


def _up(workers: int) -> Contender:
    def arguments(source: Path, output: Path) -> list[str]:
        ports = free_ports()
        return [
            *("-m", "filterfleet", "up", "--source", str(source), "--output", str(output), "--once"),
            *("--workers", str(workers), "--threads", "1"),
            *("--frontend-port", str(ports.frontend), "--backend-port", str(ports.backend)),
        ]

    return Contender("up --once", arguments, OURS)


def _whole(module: str, name: str, workers: int) -> Contender:
    return Contender(name, lambda source, output: [*_module(module), str(source), str(output), str(workers)], PLAIN)


def _warm(module: str, name: str, workers: int, like: str) -> Contender:
    def arguments(source: Path, output: Path) -> list[str]:
        return [*_module(module), str(source), str(output), str(workers), WARM]

    return Contender(f"{name}, warm", arguments, like, warm=True)
