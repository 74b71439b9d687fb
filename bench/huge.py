"""`filterfleet bench huge`: a huge image through the default recipe, by OpenCV as a whole and by our strips."""

from __future__ import annotations

import math
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from filterfleet.bench.huge_image import make_huge_jpeg, make_tiled_tiff
from filterfleet.bench.processes import high_water
from filterfleet.common.errors import FleetError
from filterfleet.common.jobs.recipe import DEFAULT, Recipe
from filterfleet.common.process.system import cores
from filterfleet.worker.pixels.vips import pyvips

WHOLE, STRIPS = "OpenCV, whole image", "filterfleet, strips"
_MAX_PIXELS = "OPENCV_IO_MAX_IMAGE_PIXELS"


@dataclass(frozen=True, slots=True)
class Measurement:
    """Wall time from start to exit of a process, and the most memory it had in use."""

    seconds: float
    peak: int  # bytes


def huge(
    megapixels: Annotated[int, typer.Option(min=65, max=1000, help="Size of the image.")] = 400,
    rounds: Annotated[int, typer.Option(min=1, help="Runs of both contenders; the medians count.")] = 3,
) -> None:
    """Compare OpenCV on a whole huge image with strips, in time and memory.

    The image is a JPEG, then a tiled TIFF, and each becomes three outputs. OpenCV takes some 14 bytes of memory for
    each pixel, and the files take a few gigabytes of $TMPDIR. The pixels of both are compared in the first round.
    """
    console = Console()
    console.print(f"{megapixels} megapixels, grayscale, blur and edges, {rounds} rounds, {cores()} cores")
    table = Table("image", "contender", "median s", "x whole", "peak MB", "x whole", title="Huge images")
    with tempfile.TemporaryDirectory(prefix="filterfleet-bench-") as name:
        for image_format, folder in huge_images(Path(name), megapixels):
            whole, strips = _compare(image_format, folder, rounds, console)
            for contender, measured in ((WHOLE, whole), (STRIPS, strips)):
                ratios = (f"{measured.seconds / whole.seconds:.2f}", f"{measured.peak / whole.peak:.2f}")
                numbers = f"{measured.seconds:.2f}", ratios[0], f"{measured.peak / 1e6:.0f}", ratios[1]
                table.add_row(image_format, contender, *numbers)
    console.print(table)


def huge_images(folder: Path, megapixels: int) -> Iterator[tuple[str, Path]]:
    """Yields the format and the folder of one image after the other. All have the same pixels, and each is deleted
    before the next one is made."""
    side = round(math.sqrt(megapixels * 1e6))
    for image_format in ("jpeg", "tiff"):
        source = folder / image_format
        source.mkdir()
        jpeg = source / "huge.jpg"
        make_huge_jpeg(jpeg, side)
        if image_format == "tiff":
            make_tiled_tiff(source / "huge.tif", jpeg)
            jpeg.unlink()
        yield image_format, source
        shutil.rmtree(source)


def whole_image(source: Path, output: Path, threads: int) -> Measurement:
    """Plain OpenCV in a process of its own. Raises FleetError."""
    return _measured("filterfleet.bench.plain", str(source), str(output), str(threads))


def in_strips(source: Path, output: Path, recipe: Recipe = DEFAULT) -> Measurement:
    """Our pipeline in a process of its own, with one thread for each core. Raises FleetError."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(recipe.to_bytes())
        file.flush()
        return _measured("filterfleet.bench.sequential", str(source), str(output), file.name)


def in_libvips(source: Path, output: Path) -> Measurement:
    """pyvips in a process of its own, with one thread for each core, and filters of its own. Raises FleetError."""
    return _measured("filterfleet.bench.plain_vips", str(source), str(output))


def check_same_pixels(expected: Path, found: Path) -> None:
    """Compare every file of one folder with its namesake in the other, in little memory. Raises FleetError."""
    files = [file.relative_to(expected) for file in sorted(expected.rglob("*.*"))]
    if not files:
        raise FleetError(f"There is nothing in {expected}.")
    for file in files:
        one, other = (
            pyvips.Image.new_from_file(str(folder / file), access="sequential") for folder in (expected, found)
        )
        if (one.width, one.height, one.bands) != (other.width, other.height, other.bands) or (one != other).max() > 0:
            raise FleetError(f"The pixels of {file} differ.")


def _compare(image_format: str, source: Path, rounds: int, console: Console) -> tuple[Measurement, Measurement]:
    """The medians of both contenders. They take turns, so that other load on the machine affects both alike."""
    whole, strips = [], []
    for number in range(rounds):
        with _output(source, "whole") as expected, _output(source, "strips") as found:
            whole.append(whole_image(source, expected, cores()))
            strips.append(in_strips(source, found))
            if number == 0:
                check_same_pixels(expected, found)
        console.print(f"round {number + 1}: {image_format}: {whole[-1].seconds:.2f} s, {strips[-1].seconds:.2f} s")
    return _median(whole), _median(strips)


@contextmanager
def _output(source: Path, name: str) -> Iterator[Path]:
    folder = source.with_name(f"{source.name}-{name}")
    yield folder
    shutil.rmtree(folder)


def _median(runs: list[Measurement]) -> Measurement:
    return Measurement(statistics.median(run.seconds for run in runs), max(run.peak for run in runs))


def _measured(module: str, *arguments: str) -> Measurement:
    began = time.perf_counter()
    environment = {**os.environ, _MAX_PIXELS: str(1 << 31)}  # plain OpenCV would refuse the image
    command = [sys.executable, "-P", "-m", module, *arguments]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    peak = 0
    while process.poll() is None:  # wait4 would not do: its maximum includes the memory of the parent
        peak = max(peak, high_water(process.pid))
        time.sleep(0.02)
    seconds = time.perf_counter() - began
    assert process.stderr is not None
    with process.stderr as said:
        if process.returncode != 0:
            raise FleetError(f"{module} failed: {said.read().strip().splitlines()[-1:]}")
    return Measurement(seconds, peak)
