"""The job scripts of examples/slurm, in a real Slurm with three nodes. Only the first node sees the folders."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import filterfleet
from filterfleet.listener.state import PRIVATE
from tests.integration.harness import check_outputs, count_done, output_files, wait_until

SCRIPTS = Path(__file__).resolve().parents[2] / "examples/slurm"
PHOTOS = Path(filterfleet.__file__).parent / "demo" / "photos"
NODES = {"n1", "n2", "n3"}

# Each photograph takes some tenths of a second, so that faults hit a job in the middle.
RECIPE = """
[outputs.soft]
steps = ["grayscale", {filter = "gaussian_blur", size = 255, sigma = 60.0}]
"""
COPIES = 6  # of each photograph, no two with the same bytes


@dataclass(frozen=True)
class Script:
    file: Path
    size: tuple[str, ...]
    engine: str

    def __str__(self) -> str:
        return self.file.stem


MPI = Script(SCRIPTS / "filterfleet.sbatch", ("--nodes=3", "--ntasks-per-node=2"), "mpi")
FLEET = Script(SCRIPTS / "fleet.sbatch", ("--nodes=3", "--cpus-per-task=2"), "cluster")
both = pytest.mark.parametrize("script", [MPI, FLEET], ids=str)


class Work:
    """Photographs and a slow recipe that only the first node sees, and the right outputs."""

    def __init__(self, slurm: Any, folder: Path) -> None:
        self.slurm = slurm
        self.folder = slurm.first
        self.source = self.folder / "in"
        self.recipe = self.folder / "recipe.toml"
        self.recipe.write_text(RECIPE)
        (self.source / "trip").mkdir(parents=True)
        for photo in PHOTOS.glob("*.[jp][pn]g"):
            for number in range(COPIES):
                place = self.source / ("trip" if number % 3 else "") / f"{number:02}-{photo.name}"
                place.write_bytes(photo.read_bytes() + bytes([number]))  # decoders ignore what follows the image
        self.images = COPIES * len(list(PHOTOS.glob("*.[jp][pn]g")))
        output = folder / "sequential"
        program = (sys.executable, "-P", "-m", "filterfleet", "run", self.source, output, "--engine", "sequential")
        subprocess.run([*program, "--recipe", self.recipe], check=True, capture_output=True)
        self.expected = {path: file.read_bytes() for path, file in output_files(output).items()}
        assert len(self.expected) == self.images

    def output(self, name: str) -> Path:
        """A folder for outputs, which does not exist yet."""
        path: Path = self.folder / name
        shutil.rmtree(path, ignore_errors=True)
        return path

    def submit(self, script: Script, output: Path, *options: object) -> str:
        arguments = (self.source, output, "--recipe", self.recipe, *options)
        return str(self.slurm.submit(*script.size, script.file, *arguments))

    def wait_for_some(self, output: Path) -> None:
        """Waits until the job has done a few of the images."""
        wait_until(lambda: (output / PRIVATE).is_dir() and count_done(output) >= 5, 60, "the first images")
        assert count_done(output) < self.images - 10, "too late to show anything"


@pytest.fixture(scope="module")
def work(slurm: Any, tmp_path_factory: pytest.TempPathFactory) -> Work:
    return Work(slurm, tmp_path_factory.mktemp("work"))


@pytest.mark.slow
@both
def test_job_does_what_the_sequential_engine_does_on_several_nodes(work: Work, script: Script) -> None:
    output, report = work.output(f"out-{script}"), work.folder / f"{script}.json"
    ended = work.slurm.wait(work.submit(script, output, "--report", report))
    assert (ended.state, ended.code) == ("COMPLETED", 0), ended.said
    assert f"{work.images} images done, 0 failed." in ended.said
    assert "mpi/pmi2" not in ended.said  # a complaint of it that does no harm today may end the next job
    check_outputs(output, work.expected)
    rows = json.loads(report.read_text())
    assert {(row["status"], row["engine"]) for row in rows} == {("done", script.engine)}
    assert {row["worker"].split("/")[0] for row in rows} == NODES
    assert work.slurm.processes("filterfleet") == {}


@pytest.mark.slow
@both
def test_missing_folder_is_said_in_the_job_s_output(work: Work, script: Script) -> None:
    job = work.slurm.submit(*script.size, script.file, work.folder / "nowhere", work.output("none"))
    ended = work.slurm.wait(job)
    assert (ended.state, ended.code) == ("FAILED", 2), ended.said
    assert f"filterfleet: The source folder {work.folder / 'nowhere'} does not exist." in ended.said
    assert "Traceback" not in ended.said
    assert work.slurm.processes("filterfleet") == {}


@pytest.mark.slow
@both
def test_job_without_folders_says_how_to_submit_it(work: Work, script: Script) -> None:
    ended = work.slurm.wait(work.slurm.submit(*script.size, script.file))
    assert (ended.state, ended.code) == ("FAILED", 2), ended.said
    assert ended.said.startswith(f"usage: sbatch {script.file.name} IN OUT ")


@pytest.mark.slow
@both
@pytest.mark.parametrize("how", [(), ("--signal=INT",)], ids=["cancelled", "interrupted"])
def test_stopped_job_goes_on_when_submitted_again(work: Work, script: Script, how: tuple[str, ...]) -> None:
    output = work.output(f"stopped-{script}")
    job = work.submit(script, output)
    work.wait_for_some(output)
    work.slurm.run("scancel", *how, job)
    ended = work.slurm.wait(job, 25)  # sooner than Slurm kills
    assert "Interrupted: the same command goes on where this one stopped." in ended.said
    before = count_done(output)
    assert 5 <= before < work.images
    finished = {path: file.stat().st_mtime_ns for path, file in output_files(output).items()}
    assert len(finished) == before
    ended = work.slurm.wait(work.submit(script, output))
    assert (ended.state, ended.code) == ("COMPLETED", 0), ended.said
    check_outputs(output, work.expected)
    after = output_files(output)
    assert {path: after[path].stat().st_mtime_ns for path in finished} == finished


@pytest.mark.slow
def test_killed_worker_costs_the_fleet_no_image(work: Work) -> None:
    output = work.output("killed")
    job = work.submit(FLEET, output)
    work.wait_for_some(output)
    workers = {node: pid for pid, node in work.slurm.processes("bin/filterfleet worker").items()}
    work.slurm.kill(workers["n2"])
    ended = work.slurm.wait(job)
    assert (ended.state, ended.code) == ("COMPLETED", 0), ended.said
    assert "srun: error: n2: task 1: Exited with exit code 137" in ended.said
    check_outputs(output, work.expected)


@pytest.mark.slow
def test_killed_rank_ends_the_mpi_job_and_the_next_one_goes_on(work: Work) -> None:
    output = work.output("killed")
    job = work.submit(MPI, output)
    work.wait_for_some(output)
    ranks = {node: pid for pid, node in work.slurm.processes("bin/filterfleet run").items()}
    work.slurm.kill(ranks["n3"])
    ended = work.slurm.wait(job)
    assert ended.state == "FAILED"
    assert 5 <= count_done(output) < work.images
    ended = work.slurm.wait(work.submit(MPI, output))
    assert (ended.state, ended.code) == ("COMPLETED", 0), ended.said
    check_outputs(output, work.expected)


# --- workers that a cluster lends to a fleet outside ----

ELASTIC = SCRIPTS / "workers.sbatch"
HEAD = "10.99.77.1"  # the machine on which jobs are submitted, as boot.sh has it


class Outside:
    """A broker and a listener on the head, which is no node; and the keys of its workers, for all nodes to see."""

    def __init__(self, work: Work, folder: Path) -> None:
        self._work = work
        self.keys = folder / "keys"
        self.cluster = self.keys / "machines" / "cluster"
        self.output = work.output("lent")
        work.slurm.run("filterfleet", "keys", self.keys, "--worker", "cluster")
        places = ("--source", work.source, "--output", self.output, "--recipe", work.recipe)
        self._start("broker", "--bind", HEAD)
        self._start("listener", *places, "--broker", HEAD)

    def _start(self, *words: object) -> None:
        command = " ".join(map(str, ("filterfleet", *words, "--keys", self.keys)))
        self._work.slurm.run("sh", "-c", f"setsid {command} >{self.keys.parent}/{words[0]}.log 2>&1 </dev/null &")

    def status(self) -> dict[str, Any]:
        words = ("filterfleet", "status", "--json", "--broker", HEAD, "--keys", self.keys)
        found: dict[str, Any] = json.loads(self._work.slurm.run(*words))
        return found

    def stop(self) -> None:
        for role in ("listener", "broker"):
            self._work.slurm.run("pkill", "--full", f"bin/filterfleet {role} .*{self.keys}", check=False)
        wait_until(lambda: not self._work.slurm.run("pgrep", "--full", str(self.keys), check=False), 30, "their end")


@pytest.fixture
def outside(work: Work, tmp_path: Path) -> Iterator[Outside]:
    made = Outside(work, tmp_path)
    yield made
    made.stop()


@pytest.mark.slow
def test_lent_workers_drain_and_wait_for_their_next_turn(work: Work, outside: Outside) -> None:
    slurm = work.slurm
    job = slurm.submit("--array=1-2", "--cpus-per-task=2", ELASTIC, HEAD, outside.cluster)
    work.wait_for_some(outside.output)
    assert len(outside.status()["workers"]) == 2
    slurm.run("scancel", "--batch", "--signal=USR1", f"{job}_1")  # what --signal has Slurm send before the time is up
    wait_until(lambda: slurm._shown(f"{job}_1", "Restarts") == "1", 60, "a job that is queued again")
    # The broker sees that its connection has ended a moment later.
    wait_until(lambda: outside.status()["counters"].get("workers_left") == 1, 30, "a worker that has left")
    assert "workers_lost" not in outside.status()["counters"]
    wait_until(lambda: count_done(outside.output) == work.images, 120, "all images")
    check_outputs(outside.output, work.expected)
    slurm.run("scancel", job)
    wait_until(lambda: not slurm.processes("bin/filterfleet worker"), 40, "the end of all workers")


@pytest.mark.slow
def test_lending_without_a_broker_s_name_says_how_to_submit_it(work: Work) -> None:
    ended = work.slurm.wait(work.slurm.submit("--cpus-per-task=2", ELASTIC, HEAD))
    assert (ended.state, ended.code) == ("FAILED", 2), ended.said
    assert ended.said.startswith(f"usage: sbatch --array=1-N {ELASTIC.name} BROKER KEYS ")
