"""`filterfleet bench check` on real runs: it finds slower code, and nothing between two runs of the same code."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from pathlib import Path

import pytest

from filterfleet.bench.analysis.check import compared
from filterfleet.bench.analysis.record import Analysis, Part, Series, write
from filterfleet.bench.analysis.run import machine
from filterfleet.bench.contenders import OURS, PLAIN
from filterfleet.bench.photographs import make_photographs

IMAGES, ROUNDS = 8, 6
DEADLINE = 500.0  # seconds: a busy machine needs more rounds, because the noise is larger

# Runs one program of the comparison for each line, in one process, and says what it took. The last word says how much
# longer each image takes in our pipeline.
CHILD = """
import sys, time
from importlib import import_module
from pathlib import Path
from filterfleet.worker import pipeline
module, source, output, slower = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), float(sys.argv[4])
process = pipeline.process
def slowed(*arguments, **options):
    began = time.thread_time()
    done = process(*arguments, **options)
    until = began + slower * (time.thread_time() - began)
    while time.thread_time() < until:
        pass
    return done
pipeline.process = slowed
program = import_module("filterfleet.bench." + module)
for number, _ in enumerate(sys.stdin):
    began, spent = time.perf_counter(), time.process_time()
    program.main(source, output / str(number))
    print(time.perf_counter() - began, time.process_time() - spent, flush=True)
"""


class Program:
    """One contender, which takes turns with the others."""

    def __init__(self, stack: contextlib.ExitStack, module: str, folder: Path, slower: float = 1.0) -> None:
        output = folder / f"{module}-{slower}-{time.monotonic_ns()}"
        command = [sys.executable, "-P", "-c", CHILD, module, str(folder / "photographs"), str(output), str(slower)]
        self._child = stack.enter_context(
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        )
        stack.callback(self._child.kill)
        self.turn()  # one that does not count

    def turn(self) -> tuple[float, float]:
        """Seconds, and seconds of processor time."""
        self._child.stdin.write("\n")
        self._child.stdin.flush()
        seconds, cpu = map(float, self._child.stdout.readline().split())
        return seconds, cpu


class Run:
    """A run of the analysis that is still going on."""

    def __init__(self, stack: contextlib.ExitStack, folder: Path, slower: float = 1.0) -> None:
        self._field = {PLAIN: Program(stack, "plain", folder), OURS: Program(stack, "sequential", folder, slower)}
        self._found = {name: ([], []) for name in self._field}

    def round(self) -> None:
        for name, program in self._field.items():
            for samples, sample in zip(self._found[name], program.turn(), strict=True):
                samples.append(sample)

    def record(self) -> Analysis:
        part = Part()
        for name, (seconds, cpu) in self._found.items():
            rates = [IMAGES / sample for sample in seconds]
            part.series.append(Series("small", name, "images/s", "more", rates, reference=PLAIN, ours=name == OURS))
            part.series.append(Series("processor time", name, "s", "less", cpu, reference=PLAIN, ours=name == OURS))
        return Analysis("2026-01-01", "a test", machine(), {"throughput": part}, {}, 0.0)


def check(old: Path, new: Path) -> tuple[int, str]:
    command = [sys.executable, "-P", "-m", "filterfleet", "bench", "check", str(old), str(new)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_slow_down_of_a_fifth_is_found_and_the_same_code_is_not(tmp_path):
    (tmp_path / "photographs").mkdir()
    make_photographs(tmp_path / "photographs", IMAGES, 1.0, 2.0)
    deadline = time.monotonic() + DEADLINE
    with contextlib.ExitStack() as stack:
        runs = {"old": Run(stack, tmp_path), "again": Run(stack, tmp_path), "slower": Run(stack, tmp_path, 1.2)}
        rounds = 0
        while rounds < ROUNDS or not compared(runs["old"].record(), runs["slower"].record()).worse:
            for run in runs.values():
                run.round()
            rounds += 1
            assert time.monotonic() < deadline, f"Not found in {rounds} rounds."
    files = {name: tmp_path / f"{name}.json" for name in runs}
    for name, run in runs.items():
        write(run.record(), files[name])
    code, said = check(files["old"], files["slower"])
    assert code == 1, said
    assert f"{OURS}: worse by a factor of 1." in said
    code, said = check(files["old"], files["again"])
    assert code == 0, said
    assert "Nothing became slower beyond noise." in said
