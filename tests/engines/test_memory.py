"""The memory of a run does not grow with the number of its images."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
import psutil
import pytest

from filterfleet.bench.processes import high_water
from filterfleet.worker.pixels.opencv import cv2
from tests.engines.conftest import SetupOf, Start
from tests.engines.rig import Running, photographs

FEW, MANY = 100, 500
GROWTH = 1.25  # times the peak, at most; if inputs and outputs stayed, it would more than double


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("image")
    photographs(folder, ["a.png"], 4, 480, 360)
    return (folder / "a.png").read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["threads", "processes"])
def test_the_peak_is_flat(name: str, setup_of: SetupOf, start: Start, image: bytes, tmp_path: Path) -> None:
    peaks = []
    for number in (FEW, MANY):
        source, output = tmp_path / f"in-{number}", tmp_path / f"out-{number}"
        source.mkdir()
        for copy in range(number):
            (source / f"{copy}.png").write_bytes(image + copy.to_bytes(4, "big"))  # so that each has other content
        running = start(setup_of(name).command(source, output))
        peaks.append(peak(running))
        running.wait().check(0)
    (few, few_of_workers), (many, many_of_workers) = peaks
    assert len(image) > 200_000, "too small to show"
    assert few > 20 << 20, "not measured"
    assert many < GROWTH * few
    assert many_of_workers <= GROWTH * few_of_workers
    assert bool(few_of_workers) == (name == "processes")


@pytest.mark.slow
def test_the_process_that_drives_the_others_holds_no_large_image(
    setup_of: SetupOf, start: Start, image: bytes, tmp_path: Path
) -> None:
    """Nor large outputs: an image of 115 MiB costs no more than a small one."""
    peaks = []
    for name in ("small", "large"):
        source = tmp_path / name
        source.mkdir()
        if name == "small":
            (source / "a.png").write_bytes(image)
        else:
            noise = np.random.default_rng(1).integers(0, 256, (5000, 8000, 3), np.uint8)
            assert cv2.imwrite(str(source / "a.bmp"), noise)
        running = start(setup_of("processes").command(source, tmp_path / f"out-{name}"))
        peaks.append(peak(running)[0])
        running.wait().check(0)
    small, large = peaks
    assert small > 20 << 20, "not measured"
    assert large < small + (24 << 20)


def peak(running: Running) -> tuple[int, int]:
    """The most memory, in bytes, of the driving process, and of its worker processes together."""
    largest: dict[int, int] = {}
    while running.alive:
        for process in (running.process.pid, *(worker.pid for worker in running.workers())):
            largest[process] = max(largest.get(process, 0), high_water(process))
        with contextlib.suppress(psutil.TimeoutExpired):
            psutil.Process(running.process.pid).wait(0.1)
    driver = largest.pop(running.process.pid)
    return driver, sum(largest.values())
