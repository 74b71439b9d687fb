"""Images and results that are too large for one message are pulled in parts, both ways."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

import filterfleet
from filterfleet.bench.processes import high_water
from filterfleet.common.wire.messages import INLINE_LIMIT
from filterfleet.worker.pixels.opencv import cv2
from tests.integration.harness import (
    COMMAND,
    Fleet,
    check_outputs,
    expected_outputs,
    ledger_rows,
    wait_until,
)


@pytest.fixture
def source(tmp_path, noise_bmp) -> Path:
    assert len(noise_bmp) > INLINE_LIMIT
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "noise.bmp").write_bytes(noise_bmp)
    return tmp_path / "in"


def test_submit_sends_and_receives_a_large_image(fleet: Fleet, source, tmp_path):
    broker = fleet.start_broker()
    fleet.start_worker()
    code, said = fleet.processes.run(
        "submit", source / "noise.bmp", "--output", tmp_path / "out", "--frontend-port", fleet.frontend
    )
    assert code == 0, said
    expected = expected_outputs(source)
    assert sum(len(data) for data in expected.values()) > INLINE_LIMIT
    check_outputs(tmp_path / "out", expected)
    assert "malformed" not in broker.said
    status = fleet.status()
    assert (status["tasks"], status["running"], status["held_bytes"]) == (0, 0, 0)


@pytest.mark.slow
def test_a_small_image_with_large_results(fleet: Fleet, swelling_jpeg, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.jpg").write_bytes(swelling_jpeg)
    assert len(swelling_jpeg) < INLINE_LIMIT
    fleet.start_broker()
    fleet.start_worker()
    listener = fleet.start_listener(tmp_path / "in", tmp_path / "out", "--once", "--settle", 0)
    assert listener.wait(30) == 0, listener.said
    check_outputs(tmp_path / "out", expected_outputs(tmp_path / "in"))


@pytest.mark.slow
@pytest.mark.parametrize("role", ["worker", "broker"])
def test_killing_the_other_end_again_and_again_in_mid_pull(fleet: Fleet, source, tmp_path, role):
    """Each kill comes a little later, so that both pulls and the work between them are hit."""
    broker = fleet.start_broker()
    worker = fleet.start_worker()
    listener = fleet.start_listener(source, tmp_path / "out", "--once", "--settle", 0)
    kills = 0
    for tenths in range(1, 9):
        wait_until(lambda: not listener.alive or fleet.status()["running"], what="a lease")
        if not listener.alive:
            break
        time.sleep(tenths / 20)
        if role == "broker":
            broker.kill()
            broker = fleet.start_broker()
        else:
            for process in worker.worker_processes():
                process.kill()
        kills += 1
    assert listener.wait(90) == 0, listener.said
    assert kills > 0
    check_outputs(tmp_path / "out", expected_outputs(source))


@pytest.mark.slow
def test_a_worker_without_room_on_its_disk_says_so_and_goes_on(fleet: Fleet, source, tmp_path):
    """No file of the worker may be larger than 10 MiB. A full disk would be the same error with another number."""
    fleet.start_broker()
    limited = ("prlimit", f"--fsize={10 << 20}", COMMAND)
    worker = fleet.processes.start("worker", "--backend-port", fleet.backend, "--threads", 1, program=limited)
    listener = fleet.start_listener(source, tmp_path / "out", "--once", "--settle", 0)
    assert listener.wait(60) == 1, listener.said
    ((reason,),) = ledger_rows(tmp_path / "out", "SELECT reason FROM objects")
    assert reason == "The worker cannot keep the image on its disk: File too large ($TMPDIR)."
    photograph = next((Path(filterfleet.__file__).parent / "demo" / "photos").glob("*.jpg"))
    options = ("--output", tmp_path / "small", "--frontend-port", fleet.frontend)
    code, said = fleet.processes.run("submit", photograph, *options)
    assert code == 0, said
    assert "Traceback" not in worker.said


@pytest.fixture(scope="module")
def huge(tmp_path_factory) -> Path:
    """A BMP of 115 MiB. Its outputs together are about as large."""
    folder = tmp_path_factory.mktemp("huge")
    noise = np.random.default_rng(1).integers(0, 256, (5000, 8000, 3), np.uint8)
    assert cv2.imwrite(str(folder / "huge.bmp"), noise)
    return folder


HELD = 24 << 20  # bytes that parts of a large file may take, beyond the memory for a small image


@pytest.mark.slow
@pytest.mark.parametrize("program", ["listener", "submit"])
def test_nobody_on_the_way_holds_the_image_or_an_output(fleet: Fleet, huge, tmp_path, program):
    """Broker, listener and client need about as much memory as for a small image, and the outputs are right."""
    small = tmp_path / "small"
    small.mkdir()
    photograph = next((Path(filterfleet.__file__).parent / "demo" / "photos").glob("*.jpg"))
    (small / "a.jpg").write_bytes(photograph.read_bytes())
    broker = fleet.start_broker()
    fleet.start_worker()
    peaks = []
    for source in (small, huge):
        output = tmp_path / f"out-{source.name}"
        if program == "listener":
            running = fleet.start_listener(source, output, "--once", "--settle", 0)
        else:
            (image,) = source.iterdir()
            options = ("--output", output, "--frontend-port", fleet.frontend)
            running = fleet.processes.start("submit", image, *options)
        peak = 0
        while running.alive:
            peak = max(peak, high_water(running.pid))
            time.sleep(0.02)
        assert running.wait() == 0, running.said
        check_outputs(output, expected_outputs(source))
        peaks.append((peak, high_water(broker.pid)))
    assert (huge / "huge.bmp").stat().st_size > 4 * HELD
    for before, after in zip(*peaks, strict=True):
        assert before > 10 << 20, "not measured"
        assert after < before + HELD, peaks
