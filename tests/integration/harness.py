"""Real processes under test, and the right results of their work."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import psutil

from filterfleet.common.blob import whole
from filterfleet.common.client.client import Client, require_broker
from filterfleet.common.jobs.made import as_in
from filterfleet.common.jobs.names import place_of
from filterfleet.common.jobs.recipe import DEFAULT, Recipe
from filterfleet.common.process.ports import free_ports
from filterfleet.common.wire import Result
from filterfleet.listener.failed import FAILED
from filterfleet.listener.local.source import Folder
from filterfleet.listener.state import PRIVATE
from filterfleet.worker.pipeline import process

COMMAND = str(Path(sys.executable).with_name("filterfleet"))
WORKER_PROCESS = "filterfleet.worker.process"  # in the command line of each process that works on images
LOOPBACK = "127.0.0.1"

Truth = TypeVar("Truth")


def wait_until(condition: Callable[[], Truth], patience: float = 60.0, what: str = "") -> Truth:
    """Returns the first true value of condition(). Fails after `patience` seconds, naming `what` was waited for."""
    deadline = time.monotonic() + patience
    while not (truth := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {patience:g} s: {what or condition}")
        time.sleep(0.02)
    return truth


def stays_true(condition: Callable[[], object], seconds: float) -> bool:
    """False as soon as condition() is false, True after `seconds`."""
    deadline = time.monotonic() + seconds
    while truth := bool(condition()):
        if time.monotonic() > deadline:
            break
        time.sleep(0.02)
    return truth


@dataclasses.dataclass(frozen=True)
class Daemon:
    """A started process. Its standard output and error go to one file."""

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def said(self) -> str:
        return self.log.read_text(errors="surrogateescape")

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def wait(self, patience: float = 60.0) -> int:
        """Its exit code."""
        try:
            return self.process.wait(patience)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.process.args} still runs after {patience:g} s:\n{self.said[-2000:]}") from None

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Sends SIGKILL, and returns when the process is gone."""
        self.process.kill()
        self.process.wait()

    def worker_processes(self) -> list[psutil.Process]:
        """Its descendants that work on images."""
        return [child for child in self.descendants() if WORKER_PROCESS in _command_line(child)]

    def descendants(self) -> list[psutil.Process]:
        with contextlib.suppress(psutil.NoSuchProcess):
            return psutil.Process(self.pid).children(recursive=True)
        return []


def is_running(process: psutil.Process) -> bool:
    """False for a process that is gone or a zombie."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def _command_line(process: psutil.Process) -> str:
    """Empty for a process that is gone. One that has set its title has it in one argument or in many: joined, they are
    the same."""
    with contextlib.suppress(psutil.Error):
        return " ".join(process.cmdline())
    return ""


class Processes:
    """Starts commands. close() ends those that still run, with all their descendants."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._daemons: list[Daemon] = []

    def start(self, *arguments: object, program: tuple[str, ...] = (COMMAND,)) -> Daemon:
        log = self._logs / f"{len(self._daemons):03}-{arguments[0]}.log"
        with log.open("wb") as output:
            argv = [*program, *(os.fspath(a) if isinstance(a, os.PathLike) else str(a) for a in arguments)]
            process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
        self._daemons.append(daemon := Daemon(process, log))
        return daemon

    def run(self, *arguments: object, program: tuple[str, ...] = (COMMAND,), patience: float = 60.0) -> tuple[int, str]:
        """Runs a command to its end. Returns its exit code and its output."""
        daemon = self.start(*arguments, program=program)
        return daemon.wait(patience), daemon.said

    def close(self) -> None:
        for daemon in self._daemons:
            descendants = daemon.descendants()
            daemon.kill()
            for child in descendants:
                with contextlib.suppress(psutil.NoSuchProcess):
                    child.kill()
            wait_until(lambda: not any(is_running(child) for child in descendants), what="the end of all processes")  # noqa: B023


class Fleet:
    """A broker and its peers, each started as a daemon, on free ports."""

    def __init__(self, processes: Processes) -> None:
        self.processes = processes
        self.frontend, self.backend = free_ports()

    def start_broker(self, *options: object) -> Daemon:
        """Returns when the broker listens."""
        ports = ("--frontend-port", self.frontend, "--backend-port", self.backend)
        broker = self.processes.start("broker", *ports, *options)
        wait_until(lambda: "broker started" in broker.said or not broker.alive, what="a broker")
        return broker

    def start_worker(self, *options: object, threads: int = 1) -> Daemon:
        """Returns at once."""
        return self.processes.start("worker", "--backend-port", self.backend, "--threads", threads, *options)

    def start_listener(self, source: Path, output: Path, *options: object) -> Daemon:
        folders = ("--source", source, "--output", output)
        return self.processes.start("listener", *folders, "--frontend-port", self.frontend, *options)

    @contextlib.contextmanager
    def client(self, host: str = LOOPBACK) -> Iterator[Client]:
        with Client(host, self.frontend) as client:
            require_broker(client, host, self.frontend)
            yield client

    def status(self) -> dict[str, Any]:
        """The broker's report on itself and its workers."""
        with self.client() as client:
            return client.status().result(10)

    def wait_for_workers(self, number: int, host: str = LOOPBACK) -> None:
        """Waits until `number` workers of ours have told the broker at `host` what they can do."""
        with self.client(host) as client:
            wait_until(
                lambda: sum(worker["slots"] > 0 for worker in client.status().result(10)["workers"]) >= number,
                what=f"{number} workers",
            )


# --- the right results ----


def expected_outputs(source: Path, recipe: Recipe = DEFAULT) -> dict[str, bytes]:
    """Every output of a source folder by its path below the output root, computed by the sequential pipeline."""
    expected: dict[str, bytes] = {}
    for path in Folder(source).list().objects:
        done = process((source / path).read_bytes(), recipe.of(path))
        blobs = tuple(bytes(whole(blob)) for blob in done.blobs)
        made = as_in(recipe, Result(b"", done.outputs, done.report, blobs))
        expected |= {place_of(output, path): blob for output, blob in zip(made.outputs, made.payload, strict=True)}
    return expected


def output_files(output: Path) -> dict[str, Path]:
    """Every file in an output folder by its path below it, without our private folder and the one for failures."""
    files = (Path(folder) / name for folder, _, names in os.walk(output) for name in names)
    found = {str(file.relative_to(output)): file for file in files}
    return {path: file for path, file in found.items() if not path.startswith((f"{PRIVATE}/", f"{FAILED}/"))}


def check_outputs(output: Path, expected: dict[str, bytes]) -> None:
    """The output folder has every expected file, byte for byte, and no other."""
    found = output_files(output)
    assert sorted(found) == sorted(expected)
    different = [path for path, file in found.items() if file.read_bytes() != expected[path]]
    assert not different
    assert not list((output / PRIVATE / "tmp").iterdir()), "temporary files are left"


def ledger_rows(output: Path, query: str) -> list[tuple[Any, ...]]:
    with contextlib.closing(sqlite3.connect(output / PRIVATE / "ledger.sqlite3")) as ledger:
        return ledger.execute(query).fetchall()


def check_ledger(output: Path, images: int) -> None:
    """Every image is done, none failed, and each has exactly one result."""
    assert ledger_rows(output, "SELECT state, count(*) FROM objects GROUP BY state") == [("done", images)]
    results = ledger_rows(output, "SELECT path, count(*) FROM results GROUP BY path")
    assert len(results) == images
    assert {count for _, count in results} == {1}


def count_done(output: Path) -> int:
    """Images with a result in the ledger so far."""
    with contextlib.suppress(sqlite3.OperationalError):  # there are no tables yet
        return int(ledger_rows(output, "SELECT count(*) FROM results")[0][0])
    return 0


def as_json(text: str) -> Any:
    """The JSON object that a command has printed, perhaps between log lines."""
    return json.loads(text[text.index("{") : text.rindex("}") + 1])
