"""Peers of the previous version and of today work together, and either listener goes on with the other's ledger."""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Collection
from pathlib import Path

import pytest

from filterfleet.recipes import load_recipe
from tests.integration.harness import (
    COMMAND,
    Daemon,
    Fleet,
    as_json,
    check_ledger,
    check_outputs,
    count_done,
    expected_outputs,
    ledger_rows,
    output_files,
    wait_until,
)

REPOSITORY = Path(__file__).resolve().parents[2]
# The last commit whose roles were packages of their own: broker, worker, listener and common.
PREVIOUS = "4e4dc54a5c08c55a976759d98b5ce040e13cee7f"
FOLDERS = ("bench", "broker", "common", "filterfleet", "listener", "worker")
ROLES = ("broker", "worker", "listener")
MIXED = [{"broker"}, {"worker"}, {"listener"}, {"broker", "worker"}, {"broker", "listener"}, {"worker", "listener"}]
NO_IMAGE = "broken.jpg"
LOAD = 300  # images, for each listener
NAMED = 'steps = [{ filter = "watermark_text", text = "{name}" }]'
# What nobody may say when the versions get along.
MISLEADING = (
    "Traceback",
    "malformed",
    "speaks PPX",
    "upgrade",
    "does not answer",
    "no worker is new enough",
    "broker lost",
)

Program = tuple[str, ...]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def previous(tmp_path_factory: pytest.TempPathFactory) -> Program:
    """The command `filterfleet` of the previous version, with the dependencies of today."""
    folder = tmp_path_factory.mktemp("previous")
    archive = subprocess.run(("git", "-C", REPOSITORY, "archive", PREVIOUS, *FOLDERS), capture_output=True)
    if archive.returncode != 0:
        pytest.skip(f"needs a git repository with the commit {PREVIOUS}: {archive.stderr.decode().strip()}")
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
        files.extractall(folder, filter="data")
    python = ("env", f"PYTHONPATH={folder}", sys.executable, "-P")
    where = "import broker, filterfleet, worker; print(broker.__file__, filterfleet.__file__, worker.__file__)"
    found = subprocess.run((*python, "-c", where), check=True, capture_output=True, text=True).stdout.split()
    assert all(Path(file).is_relative_to(folder) for file in found)
    return (*python, "-m", "filterfleet")


@pytest.fixture
def source(photographs, noise_bmp, tmp_path) -> Path:
    """Photographs, an image that is too large for one message, as are its outputs, and a file that is no image."""
    folder = tmp_path / "in"
    shutil.copytree(photographs(12, 200, 400), folder)
    (folder / "noise.bmp").write_bytes(noise_bmp)
    (folder / NO_IMAGE).write_text("This is no photograph.\n")
    return folder


class MixedFleet:
    """A broker, a worker and listeners. The roles in `old` run the previous version."""

    def __init__(self, fleet: Fleet, previous: Program, old: Collection[str]) -> None:
        self._fleet, self._previous = fleet, previous
        self._programs: dict[str, Program] = {role: previous if role in old else (COMMAND,) for role in ROLES}
        self.broker = self._start("broker", "--frontend-port", fleet.frontend, "--backend-port", fleet.backend)
        wait_until(lambda: "broker started" in self.broker.said or not self.broker.alive, what="a broker")
        self.worker = self._start("worker", "--backend-port", fleet.backend, "--threads", 2)
        fleet.wait_for_workers(1)

    def _start(self, role: str, *options: object) -> Daemon:
        return self._fleet.processes.start(role, *options, program=self._programs[role])

    def listen(self, source: Path, output: Path, program: Program | None = None) -> Daemon:
        """program: another one than that of the role."""
        options = ("--settle", 0, "--once", "--frontend-port", self._fleet.frontend)
        program = program or self._programs["listener"]
        folders = ("--source", source, "--output", output)
        return self._fleet.processes.start("listener", *folders, *options, program=program)

    def work(self, program: Program) -> Daemon:
        """One more worker, of this program."""
        options = ("--backend-port", self._fleet.backend, "--threads", 1)
        return self._fleet.processes.start("worker", *options, program=program)

    def status(self, program: Program) -> dict:
        form = () if program == self._previous else ("--json",)  # it knows no other
        ports = ("--frontend-port", self._fleet.frontend)
        code, said = self._fleet.processes.run("status", *form, *ports, program=program)
        assert code == 0, said
        return as_json(said)

    def stop(self) -> None:
        for daemon in (self.worker, self.broker):
            daemon.terminate()
            assert daemon.wait() == 0, daemon.said
            assert "Traceback" not in daemon.said


@pytest.fixture
def mixed(fleet: Fleet, previous: Program) -> Callable[[Collection[str]], MixedFleet]:
    return lambda old: MixedFleet(fleet, previous, old)


def good_outputs(source: Path) -> dict[str, bytes]:
    """The outputs of all files but the one that is no image."""
    with tempfile.TemporaryDirectory() as folder:
        images = Path(folder, "images")
        shutil.copytree(source, images, ignore=shutil.ignore_patterns(NO_IMAGE))
        return expected_outputs(images)


def modified(output: Path) -> dict[str, int]:
    return {path: file.stat().st_mtime_ns for path, file in output_files(output).items()}


@pytest.mark.parametrize("old", MIXED, ids=lambda old: "-and-".join(sorted(old)))
def test_a_fleet_of_both_versions_does_everything_right(mixed, previous: Program, source, tmp_path, old):
    """Results, a failure, large images that are pulled, and the farewell of a worker cross the wire."""
    fleet, output = mixed(old), tmp_path / "out"
    listener = fleet.listen(source, output)
    assert listener.wait(90) == 1, listener.said  # for the file that is no image
    check_outputs(output, good_outputs(source))
    failed = "SELECT path, reason FROM objects WHERE state = 'failed'"
    assert ledger_rows(output, failed) == [(NO_IMAGE, "The file is not an image of a known format.")]
    for program in (previous, (COMMAND,)):
        status = fleet.status(program)
        assert (status["tasks"], status["running"]) == (0, 0)
        assert not status["counters"].keys() & {"malformed", "stale_result", "workers_lost"}
        assert (status["counters"]["results"], status["counters"]["failures"]) == (13, 1)
    fleet.stop()


@pytest.mark.parametrize("old", [{"broker"}, set()], ids=["previous-broker", "todays-broker"])
def test_both_versions_carry_a_load_together(mixed, previous: Program, photographs, expected, tmp_path, old):
    """A worker and a listener of each version at one broker, with work for all of them; a worker of each is killed."""
    source = photographs(LOAD, 200, 400)
    fleet = mixed(old)  # and a worker of today
    programs = {"previous": previous, "today": (COMMAND,)}
    workers = [fleet.work(program) for program in programs.values()]
    wait_until(lambda: len(fleet.status((COMMAND,))["workers"]) == 3, what="all workers")
    outputs = {version: tmp_path / version for version in programs}
    listeners = {version: fleet.listen(source, outputs[version], programs[version]) for version in programs}
    wait_until(lambda: all(count_done(output) >= 20 for output in outputs.values()), what="work for both")
    for worker in workers:
        worker.kill()
    for version, listener in listeners.items():
        assert listener.wait(120) == 0, listener.said
        check_outputs(outputs[version], expected(source))
        assert ledger_rows(outputs[version], "SELECT count(*) FROM results") == [(LOAD,)]
    said = "".join(daemon.said for daemon in (fleet.broker, fleet.worker, *workers, *listeners.values()))
    assert not [word for word in MISLEADING if word in said]
    fleet.stop()


@pytest.mark.parametrize("first", ["previous", "today"])
def test_what_one_listener_has_done_the_other_does_not_do_again(mixed, source, photographs, tmp_path, first):
    """The ledger goes from one version to the other and back. Each turn brings a new image and a copy of an old one."""
    old, new = ({"listener"}, set()) if first == "previous" else (set(), {"listener"})
    more, output = sorted(photographs(40, 40, 60).rglob("*.jpg")), tmp_path / "out"
    submitted = 14
    for turn, roles in enumerate((old, new, old)):
        before = modified(output)
        fleet = mixed(roles)
        listener = fleet.listen(source, output)
        assert listener.wait(90) == 1, listener.said
        assert "Traceback" not in listener.said
        assert fleet.status((COMMAND,))["counters"]["submitted"] == submitted
        fleet.stop()
        check_outputs(output, good_outputs(source))
        assert before.items() <= modified(output).items(), "an output was written again"
        shutil.copy(more[turn], source / f"{turn}.jpg")
        shutil.copy(source / "0001.jpg", source / f"twin-{turn}.jpg")
        submitted = 1
    assert set(ledger_rows(output, "SELECT times FROM results")) == {(1,)}
    assert ledger_rows(output, "SELECT count(*) FROM results") == [(13 + 2 * 2,)]


def test_todays_listener_goes_on_where_the_previous_one_was_killed(mixed, photographs, expected, tmp_path):
    source, output = photographs(60, 1200, 2000), tmp_path / "out"
    fleet = mixed({"listener"})
    listener = fleet.listen(source, output)
    wait_until(lambda: count_done(output) >= 10 or not listener.alive, what="work")
    listener.kill()
    fleet.stop()
    done = dict(ledger_rows(output, "SELECT path, finished_at FROM results"))
    assert 10 <= len(done) < 60

    fleet = mixed(())
    listener = fleet.listen(source, output)
    assert listener.wait(90) == 0, listener.said
    check_outputs(output, expected(source))
    check_ledger(output, 60)
    assert done.items() <= dict(ledger_rows(output, "SELECT path, finished_at FROM results")).items()


@pytest.mark.parametrize(
    ("recipe", "lacking", "of_broker"),
    [
        ("steps = []\nmax_bytes = 20_000", "the output option `max_bytes`", "today"),
        (NAMED, "texts with {name}, {stem} or {folder}", "today"),
        (NAMED, "texts with {name}, {stem} or {folder}", "previous"),
    ],
    ids=["max_bytes", "names", "names at an old broker"],
)
def test_an_old_worker_gets_no_recipe_that_it_does_not_know(
    fleet: Fleet, previous: Program, photographs, tmp_path, recipe, lacking, of_broker
):
    """It would ignore the option, or refuse the image for good. The work waits, and the listener says what for."""
    (tmp_path / "recipe.toml").write_text(f'[outputs.small]\nencoding = "jpeg"\n{recipe}\n')
    source, output = photographs(12, 200, 400), tmp_path / "out"
    program = previous if of_broker == "previous" else (COMMAND,)
    ports = ("--frontend-port", fleet.frontend, "--backend-port", fleet.backend)
    broker = fleet.processes.start("broker", *ports, program=program)
    wait_until(lambda: "broker started" in broker.said or not broker.alive, what="a broker")
    old = fleet.processes.start("worker", "--backend-port", fleet.backend, "--threads", 2, program=previous)
    fleet.wait_for_workers(1)
    options = ("--once", "--settle", 0, "--recipe", tmp_path / "recipe.toml")
    listener = fleet.start_listener(source, output, *options)
    reason = f"no worker is new enough for {lacking}"
    wait_until(lambda: reason in listener.said or not listener.alive, what="a reason")
    assert listener.alive, listener.said
    assert count_done(output) == 0
    fleet.start_worker(threads=2)
    assert listener.wait(90) == 0, listener.said
    check_outputs(output, expected_outputs(source, load_recipe(tmp_path / "recipe.toml")))
    assert old.alive
