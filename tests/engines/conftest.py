"""Source folders, and the six engines as users set them up."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from filterfleet.common.process.ports import free_ports
from tests.engines.rig import (
    MPIEXEC,
    SLOW_RECIPE,
    Ended,
    Running,
    Setup,
    bad_files,
    outputs_of,
    photographs,
    read_report,
    small_photographs,
)
from tests.integration.harness import LOOPBACK, Daemon, Fleet, Processes, wait_until

Start = Callable[..., Running]
Run = Callable[..., Ended]
SetupOf = Callable[[str], Setup]

SETUPS = ("sequential", "threads", "processes", "mpi", "dask", "dask, its own", "cluster")
QUICK = ("threads", "processes", "cluster")  # for tests that would take too long with all of them
SLOW = tuple(sorted({*SETUPS} - {*QUICK}))


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a command. Commands that still run at the end of the test are killed, with all that they have started."""
    started: list[Running] = []

    def start(command: list[str], **environment: str) -> Running:
        started.append(Running(command, tmp_path / f"logs-{len(started)}", environment))
        return started[-1]

    yield start
    for running in started:
        running.kill()


@pytest.fixture
def run(start: Start) -> Run:
    """Runs a command to its end."""
    return lambda command, **environment: start(command, **environment).wait()


@pytest.fixture(scope="session")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("good")
    small_photographs(folder)
    return folder


@pytest.fixture(scope="session")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Like good, with three more files that cannot be processed."""
    folder = tmp_path_factory.mktemp("mixed")
    small_photographs(folder)
    bad_files(folder)
    return folder


@pytest.fixture(scope="session")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """36 photographs. With the slow recipe, a run over them takes seconds."""
    folder = tmp_path_factory.mktemp("many")
    photographs(folder, [f"{number % 3}/{number:02}.jpg" for number in range(36)], 2, 320, 240)
    return folder


@pytest.fixture(scope="session")
def slow_recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("recipe") / "slow.toml"
    file.write_text(SLOW_RECIPE)
    return file


@pytest.fixture(scope="session")
def reference(tmp_path_factory: pytest.TempPathFactory, mixed: Path) -> tuple[dict[str, bytes], list[dict[str, Any]]]:
    """Outputs and report of the sequential engine for the mixed folder."""
    home = tmp_path_factory.mktemp("reference")
    report = home / "report.json"
    Running(Setup("sequential").command(mixed, home / "out", "--report", report), home).wait().check(1)
    return outputs_of(home / "out"), read_report(report)


@pytest.fixture(scope="session")
def soft(tmp_path_factory: pytest.TempPathFactory, many: Path, slow_recipe: Path) -> dict[str, bytes]:
    """What the slow recipe makes of the many photographs."""
    home = tmp_path_factory.mktemp("soft")
    Running(Setup("threads").command(many, home / "out", "--recipe", slow_recipe), home).wait().check(0)
    return outputs_of(home / "out")


@pytest.fixture(scope="session")
def setup_of(request: pytest.FixtureRequest) -> SetupOf:
    """An engine's setup by its name. The daemons that it needs are started."""

    def setup(name: str) -> Setup:
        match name:
            case "processes":
                return Setup("processes", ("--workers", "2", "--threads", "2"))
            case "mpi":
                return Setup("mpi", prefix=MPIEXEC)
            case "dask":
                return Setup("dask", ("--insecure", "--scheduler", request.getfixturevalue("dask_scheduler")))
            case "dask, its own":
                return Setup("dask", ("--workers", "2"))
            case "cluster":
                return Setup("cluster", ("--frontend-port", str(request.getfixturevalue("cluster_port"))))
            case _:
                return Setup(name)

    return setup


@pytest.fixture(scope="session")
def session_processes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processes]:
    started = Processes(tmp_path_factory.mktemp("daemons"))
    try:
        yield started
    finally:
        started.close()


@pytest.fixture(scope="session")
def cluster_port(session_processes: Processes) -> int:
    """The frontend port of a broker with two workers."""
    fleet = Fleet(session_processes)
    fleet.start_broker()
    fleet.start_worker()
    fleet.start_worker()
    fleet.wait_for_workers(2)
    return fleet.frontend


@pytest.fixture(scope="session")
def dask_scheduler(session_processes: Processes, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a scheduler with two workers, which share no folder with anybody."""
    return start_dask(session_processes, tmp_path_factory.mktemp("dask"))[0]


def start_dask(processes: Processes, folder: Path) -> tuple[str, Daemon, list[Daemon]]:
    """The address, the scheduler and two workers of one thread each."""
    address = f"tcp://{LOOPBACK}:{free_ports()[0]}"
    program = (dask_command(),)
    place = ("--host", LOOPBACK, "--port", address.rsplit(":", 1)[1])
    scheduler = processes.start("scheduler", *place, "--no-dashboard", program=program)
    wait_until(lambda: "Scheduler at:" in scheduler.said, what="a Dask scheduler")
    options = ("--nthreads", 1, "--no-dashboard", "--host", LOOPBACK, "--local-directory", folder)
    workers = [processes.start("worker", address, *options, program=program) for _ in range(2)]
    for worker in workers:
        wait_until(lambda: "Registered to:" in worker.said, what="a Dask worker")  # noqa: B023
    return address, scheduler, workers


def dask_command() -> str:
    return str(Path(sys.executable).with_name("dask"))
