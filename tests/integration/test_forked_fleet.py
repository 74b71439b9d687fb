"""The processes of `up` are forked while it loads. They are confined, and those that die are replaced."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

import psutil
import pytest

from filterfleet.common.process.ports import free_ports
from tests.integration.harness import WORKER_PROCESS, Processes, output_files, wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere, each is a new interpreter")


def workers_of(up: psutil.Process) -> dict[int, str]:
    """The command line of each worker process, by its pid."""
    lines = {child.pid: " ".join(child.cmdline()) for child in up.children()}
    return {pid: line for pid, line in lines.items() if WORKER_PROCESS in line}


def confinement(pid: int) -> set[str]:
    """What the kernel says about each thread."""
    found = set()
    for status in Path(f"/proc/{pid}/task").glob("*/status"):
        found.update(re.findall(r"^(?:NoNewPrivs|Seccomp):\s*\d", status.read_text(), re.MULTILINE))
    return {line.replace("\t", " ") for line in found}


def test_workers_are_forked_confined_and_replaced(processes: Processes, photographs, tmp_path: Path) -> None:
    source, output = tmp_path / "in", tmp_path / "out"
    first, second = sorted(photographs(2, 60, 90).iterdir())
    source.mkdir()
    shutil.copy(first, source)
    frontend, backend = free_ports()
    ports = ("--frontend-port", frontend, "--backend-port", backend)
    daemon = processes.start("up", "--source", source, "--output", output, "--workers", 2, "--settle", 0, *ports)
    wait_until(lambda: len(output_files(output)) == 3, what="the first results")

    up = psutil.Process(daemon.pid)
    forked = workers_of(up)
    assert len(forked) == 2
    assert all(line.startswith(WORKER_PROCESS) for line in forked.values()), "not new interpreters"
    assert [confinement(pid) for pid in forked] == [{"NoNewPrivs: 1", "Seccomp: 2"}] * 2

    for pid in forked:
        psutil.Process(pid).kill()
    shutil.copy(second, source)
    wait_until(lambda: len(output_files(output)) == 6, what="the results of the others")
    wait_until(lambda: len(workers_of(up)) == 2, what="two workers")
    others = workers_of(up)
    assert not forked.keys() & others.keys()
    assert all(line.startswith(sys.executable) for line in others.values()), "nothing is forked from what has threads"
    logs = [(output / ".filterfleet" / "logs" / f"worker-{n}.log").read_text() for n in (1, 2)]
    for log in logs:
        said = re.findall(r"sandbox confinement=.*(?= role=)", log)
        assert len(said) == 2
        assert len(set(said)) == 1, "as strict as the one before"
