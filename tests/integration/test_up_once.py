"""`filterfleet up --once` does the main job on one machine."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from filterfleet.common.process.ports import free_ports
from tests.integration.harness import Processes, check_ledger, check_outputs, output_files, wait_until


def up(processes: Processes, source: Path, output: Path, *options: object) -> tuple[int, str]:
    frontend, backend = free_ports()
    ports = ("--frontend-port", frontend, "--backend-port", backend)
    return processes.run("up", "--source", source, "--output", output, "--once", *ports, "--settle", "0.2", *options)


def test_two_hundred_photographs_become_what_the_sequential_pipeline_makes(processes, photographs, expected, tmp_path):
    source, output = photographs(200, 200, 500), tmp_path / "out"

    code, said = up(processes, source, output, "--workers", 2)

    assert code == 0, said
    assert "200 images done, 0 failed" in said
    assert len(output_files(output)) == 600
    check_outputs(output, expected(source))
    check_ledger(output, 200)

    before = {path: file.stat().st_mtime_ns for path, file in output_files(output).items()}
    code, said = up(processes, source, output, "--workers", 2)

    assert code == 0, said
    assert {path: file.stat().st_mtime_ns for path, file in output_files(output).items()} == before


@pytest.mark.slow
def test_while_it_is_paused_it_says_why_nothing_happens(processes, photographs, tmp_path):
    source, output = tmp_path / "in", tmp_path / "out"
    shutil.copytree(photographs(3, 200, 300), source)
    assert up(processes, source, output)[0] == 0
    shutil.copy(next(source.rglob("*.jpg")), source / "new.jpg")
    assert processes.run("pause", "--output", output)[0] == 0
    frontend, backend = free_ports()
    ports = ("--frontend-port", frontend, "--backend-port", backend)
    waiting = processes.start("up", "--source", source, "--output", output, "--once", *ports)
    wait_until(lambda: "Paused: nothing new is begun before somebody says `filterfleet resume`." in waiting.said)
    assert processes.run("resume", "--output", output)[0] == 0
    assert waiting.wait() == 0
    assert waiting.said.count("Paused") == 1
    assert "4 images done, 0 failed" in waiting.said
