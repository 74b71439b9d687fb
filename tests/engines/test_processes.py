"""The engine `processes`: worker processes may die, but the batch goes on, and no process is left behind."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from filterfleet.common.errors import FleetError
from filterfleet.common.jobs.job import Job
from filterfleet.common.jobs.recipe import Output, Recipe, Step
from filterfleet.common.wire import Failed, Result
from filterfleet.worker.engines.local import run_job
from filterfleet.worker.engines.processes import ProcessesEngine
from tests.engines.conftest import Run, SetupOf, Start
from tests.engines.rig import Running, outputs_of, photographs, times, wait_until_gone
from tests.integration.harness import COMMAND, count_done, wait_until

_BLUR = Step("gaussian_blur", (("sigma", 60.0), ("size", 255)))
QUICK = Recipe((Output("out", ()),))
HEAVY = Recipe((Output("out", (_BLUR,) * 8),))  # seconds of work
ENDLESS = Recipe((Output("out", (Step("nl_means"),) * 64),))  # practically


@pytest.fixture
def engine() -> Iterator[ProcessesEngine]:
    with contextlib.closing(ProcessesEngine(2, 2)) as engine:
        yield engine


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("image")
    photographs(folder, ["a.jpg"], 3, 320, 240)
    return (folder / "a.jpg").read_bytes()


def job(name: str, image: bytes, recipe: Recipe = QUICK) -> Job:
    return Job(name.encode(), recipe.to_bytes(), (), len(image), (image,))


def kill_the_worker_of(engine: ProcessesEngine, id: bytes) -> int | None:  # noqa: A002
    """Kills the process that has this job; returns its pid, or None if no process has the job."""
    for child in list(engine._children):
        if child.ready and id in child.entries and child.process.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child.process.pid, signal.SIGKILL)
            return child.process.pid
    return None


def test_an_image_that_kills_is_given_up_and_its_neighbours_are_not(engine: ProcessesEngine, image: bytes) -> None:
    poison = engine.submit(job("poison", image, HEAVY))
    neighbours = [engine.submit(job(f"{number}", image + bytes([number]))) for number in range(30)]
    killed = set()
    deadline = time.monotonic() + 60
    while not poison.done():
        assert time.monotonic() < deadline
        killed.add(kill_the_worker_of(engine, b"poison"))
        time.sleep(0.002)
    sentence = "The worker process died while it worked on this image and on nothing else."
    assert poison.result() == Failed(b"poison", "permanent", sentence)
    assert len(killed - {None}) == 3, "once with other images, and twice on trial"
    for number, neighbour in enumerate(neighbours):
        expected = run_job(job(f"{number}", image + bytes([number])))
        outcome = neighbour.result(30)
        assert isinstance(outcome, Result)
        assert isinstance(expected, Result)
        assert (outcome.id, outcome.outputs, outcome.payload) == (expected.id, expected.outputs, expected.payload)


def test_an_image_is_not_to_blame_for_two_deaths(engine: ProcessesEngine, image: bytes) -> None:
    """Once with other images and once alone: it is tried again."""
    unlucky = engine.submit(job("unlucky", image, Recipe((Output("out", (_BLUR,) * 2),))))
    killed: set[int] = set()
    while len(killed) < 2 and not unlucky.done():
        killed |= {pid for pid in [kill_the_worker_of(engine, b"unlucky")] if pid is not None}
        time.sleep(0.002)
    assert len(killed) == 2
    assert isinstance(unlucky.result(30), Result)


def test_an_image_that_takes_too_long_is_given_up_and_its_neighbours_are_not(image: bytes) -> None:
    with contextlib.closing(ProcessesEngine(1, 1, time_limit=0.5)) as engine:
        endless = engine.submit(job("endless", image, ENDLESS))
        neighbours = [engine.submit(job(f"{number}", image + bytes([number]))) for number in range(3)]
        assert endless.result(60) == Failed(b"endless", "permanent", "The image takes more than 0.5 seconds.")
        assert all(isinstance(neighbour.result(30), Result) for neighbour in neighbours)


def test_idle_processes_that_die_are_replaced(engine: ProcessesEngine, image: bytes) -> None:
    wait_until(lambda: all(child.ready for child in engine._children), what="two processes")
    for child in list(engine._children):
        child.process.kill()
    assert isinstance(engine.submit(job("a", image)).result(30), Result)


def test_a_closed_engine_fails_what_it_has(image: bytes) -> None:
    engine = ProcessesEngine(1, 1)
    futures = [engine.submit(job(f"{number}", image, HEAVY)) for number in range(5)]
    engine.close()
    assert {str(future.exception(0)) for future in futures} == {"The processes were ended."}


def test_processes_that_cannot_start_are_no_endless_loop(good: Path, tmp_path: Path) -> None:
    """A script without the guard that multiprocessing needs: each process would run the whole script again."""
    script = tmp_path / "script.py"
    script.write_text(
        "import filterfleet\n"
        f"rows = filterfleet.run({str(good)!r}, {str(tmp_path / 'out')!r}, engine='processes', workers=2)\n"
        "print({row['status'] for row in rows}, rows[0]['reason'])\n"
    )
    ended = subprocess.run([sys.executable, script], capture_output=True, timeout=60, check=False)
    assert ended.stdout.splitlines()[-1].startswith(
        b"{'failed'} The engine failed: The worker processes die before they are ready."
    )


def test_more_processes_than_the_system_allows_are_a_sentence(good: Path, tmp_path: Path) -> None:
    limited = ["bash", "-c", 'ulimit -n 100; exec "$@"', "bash"]
    command = [*limited, COMMAND, "run", str(good), str(tmp_path / "out"), "--workers", "200"]
    ended = subprocess.run(command, capture_output=True, timeout=60, check=False, text=True)
    assert ended.returncode == 2
    assert ended.stderr == (
        "filterfleet: 200 worker processes take 464 open files, and the limit is 100: lower --workers, or raise the "
        "limit (ulimit -n).\n"
    )


def test_processes_that_the_system_refuses_are_no_endless_wait(
    engine: ProcessesEngine, image: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(_engine: ProcessesEngine) -> None:
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    monkeypatch.setattr(ProcessesEngine, "_start", refused)
    for child in list(engine._children):
        child.process.kill()
    for _ in range(2):
        with pytest.raises(FleetError, match="does not start the worker processes: Resource temporarily unavailable"):
            engine.submit(job("a", image)).result(30)


def test_processes_killed_in_mid_run(
    setup_of: SetupOf, start: Start, many: Path, slow_recipe: Path, soft: dict[str, bytes], tmp_path: Path
) -> None:
    output = tmp_path / "out"
    running = start(setup_of("processes").command(many, output, "--recipe", slow_recipe))
    for images in (4, 12):
        wait_until(lambda: count_done(output) >= images and running.workers(), what="half of the work")  # noqa: B023
        running.workers()[0].kill()
    ended = running.wait().check(0)
    assert outputs_of(output) == soft
    assert f"{len(soft) // 2} images done, 0 failed." in ended.stderr
    assert set(times(output).values()) == {1}


@pytest.mark.parametrize("when", ["at the start", "in mid-run"])
def test_ctrl_c_leaves_no_process_and_no_traceback(
    when: str, setup_of: SetupOf, start: Start, many: Path, slow_recipe: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    running = start(setup_of("processes").command(many, output, "--recipe", slow_recipe))
    wait_until(running.workers if when == "at the start" else lambda: count_done(output), what=when)
    family = running.family()
    running.interrupt()
    running.wait().check(130)
    wait_until_gone(family)


@pytest.mark.slow
def test_a_killed_parent_leaves_no_process(
    setup_of: SetupOf, start: Start, run: Run, many: Path, slow_recipe: Path, soft: dict[str, bytes], tmp_path: Path
) -> None:
    output = tmp_path / "out"
    command = setup_of("processes").command(many, output, "--recipe", slow_recipe)
    running = start(command)
    wait_until(lambda: count_done(output) >= 4, what="some work")
    family = running.family()
    assert len(running.workers()) == 2
    running.process.kill()
    wait_until_gone(family)
    done = outputs_of(output)
    assert all(soft[path] == content for path, content in done.items())
    run(command).check(0)
    assert outputs_of(output) == soft
    check_silent(running)


def check_silent(running: Running) -> None:
    """Asserts that no process complained about the end of its parent."""
    assert "Traceback" not in running.ended(None).stderr
