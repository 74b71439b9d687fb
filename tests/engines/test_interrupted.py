"""A run that was interrupted goes on where it stopped."""

from __future__ import annotations

import shutil
import signal
import time
from pathlib import Path

import pytest

from tests.engines.conftest import SETUPS, Run, SetupOf, Start
from tests.engines.rig import (
    Running,
    mtimes,
    outputs_of,
    temporary_files,
    times,
    wait_until_gone,
)
from tests.integration.harness import count_done, output_files

IMAGES = 36


@pytest.mark.slow
@pytest.mark.parametrize("name", SETUPS)
def test_interrupted_at_half_and_run_again(
    name: str,
    setup_of: SetupOf,
    start: Start,
    run: Run,
    many: Path,
    slow_recipe: Path,
    soft: dict[str, bytes],
    tmp_path: Path,
) -> None:
    output = tmp_path / "out"
    command = setup_of(name).command(many, output, "--recipe", slow_recipe)
    running = start(command)
    watch_until(running, output, IMAGES // 2 - 4, soft)
    family = running.family()
    running.interrupt()
    watch_until_ended(running, output, soft)
    ended = running.wait().check(130)
    assert "Interrupted: the same command goes on where this one stopped." in ended.stderr
    wait_until_gone(family)
    assert not temporary_files(output)
    done, before = times(output), mtimes(output)
    assert IMAGES // 3 < len(done) < IMAGES, "it was not interrupted halfway"
    assert len(before) == 2 * len(done), "an image that is not done has outputs, or one that is done lacks some"

    ended = run(command).check(0)
    assert outputs_of(output) == soft
    assert set(times(output).values()) == {1}
    after = mtimes(output)
    assert {path: after[path] for path in before} == before
    assert f"{IMAGES} images done, 0 failed." in ended.stderr


def test_what_is_done_is_left_alone_unless_forced(run: Run, setup_of: SetupOf, good: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    command = setup_of("threads").command(good, output)
    run(command).check(0)
    before, outputs = mtimes(output), outputs_of(output)
    run(command).check(0)
    assert mtimes(output) == before
    assert set(times(output).values()) == {1}
    run([*command, "--force"]).check(0)
    assert set(times(output).values()) == {2}
    assert outputs_of(output) == outputs
    after = mtimes(output)
    assert all(after[path] > before[path] for path in before)


def test_only_what_is_new_or_changed_is_done(run: Run, setup_of: SetupOf, good: Path, tmp_path: Path) -> None:
    source, output = tmp_path / "in", tmp_path / "out"
    shutil.copytree(good, source)
    command = setup_of("threads").command(source, output)
    run(command).check(0)
    before = mtimes(output)
    for name in ("trip/twin.jpg", "new.jpg"):
        (source / name).write_bytes((source / "CAPITALS.JPG").read_bytes() + name.encode())
    run(command).check(0)
    done = {path for path, at in mtimes(output).items() if before.get(path) != at}
    names = [("grayscale", ""), ("blur", ""), ("edges", ".png")]
    assert done == {f"{output}/{path}{more}" for path in ("trip/twin.jpg", "new.jpg") for output, more in names}


@pytest.mark.slow
def test_a_service_manager_may_stop_it_too(
    setup_of: SetupOf, start: Start, many: Path, slow_recipe: Path, soft: dict[str, bytes], tmp_path: Path
) -> None:
    """SIGTERM reaches only the process that was started."""
    output = tmp_path / "out"
    running = start(setup_of("processes").command(many, output, "--recipe", slow_recipe))
    watch_until(running, output, 5, soft)
    family = running.family()
    running.process.send_signal(signal.SIGTERM)
    running.wait().check(130)
    wait_until_gone(family)
    assert all(file.read_bytes() == soft[path] for path, file in output_files(output).items())


def watch_until(running: Running, output: Path, images: int, expected: dict[str, bytes]) -> None:
    """Waits until the ledger records this many images. Every output that is seen in the meantime must be complete."""
    deadline = time.monotonic() + 60
    while count_done(output) < images:
        assert running.alive, running.wait()
        assert time.monotonic() < deadline
        look(output, expected)


def watch_until_ended(running: Running, output: Path, expected: dict[str, bytes]) -> None:
    deadline = time.monotonic() + 60
    while running.alive:
        assert time.monotonic() < deadline, running.ended(None)
        look(output, expected)


def look(output: Path, expected: dict[str, bytes]) -> None:
    for path, file in output_files(output).items():
        assert file.read_bytes() == expected[path], f"{path} is wrong or incomplete"
    time.sleep(0.01)
