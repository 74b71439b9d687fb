"""`filterfleet bench overhead`: what our pipeline adds to the calls of libraries that do the work of an image."""

from __future__ import annotations

import statistics
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import simplejpeg
import typer
from rich.console import Console
from rich.table import Table

from filterfleet.bench.photographs import make_photographs
from filterfleet.common.jobs.recipe import DEFAULT, Step
from filterfleet.common.process.system import cores
from filterfleet.worker.filters import bind
from filterfleet.worker.formats import Target, decode, encode, read_header
from filterfleet.worker.pipeline import process
from filterfleet.worker.pixels.image import Image
from filterfleet.worker.pixels.opencv import cv2, prepare_process

SIZES = {"1-2 MP": (1.0, 1.5, 2.0), "8-12 MP": (8.0, 10.0, 12.0)}  # megapixels
_QUALITY = [cv2.IMWRITE_JPEG_QUALITY, 90]

Call = Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the work on an image: the library's own calls, and ours, which end in the same."""

    name: str
    bare: Call
    ours: Call


def overhead(
    rounds: Annotated[int, typer.Option(min=1, help="Runs of each part on each photograph; the medians count.")] = 15,
) -> None:
    """Measure decoder, filters and encoders against the bare calls of their libraries.

    Both take turns on the same photographs, and their CPU time counts. "whole image" is everything that a worker does
    with an image, from the bytes of its file to those of its outputs, against all bare calls together.
    """
    prepare_process()
    console = Console()
    console.print(f"CPU of one thread for each photograph, medians of {rounds} rounds")
    table = Table("size", "part", "bare ms", "ours ms", "overhead", title="Overhead")
    whole: dict[str, float] = {}  # seconds of all bare calls together
    for size, megapixels in SIZES.items():
        for name, bare, ours in _measured(list(_photographs(megapixels)), rounds):
            whole[size] = bare  # that of the last part stays
            table.add_row(size, name, f"{bare * 1000:.2f}", f"{ours * 1000:.2f}", f"{ours / bare - 1:+.1%}")
    console.print(table)
    for size, bare in whole.items():
        console.print(f"{size}: the bare calls alone allow {cores() / bare:.1f} images/s on {cores()} cores.")


def _photographs(megapixels: Sequence[float]) -> Iterator[bytes]:
    """Some of each size, in colour."""
    with tempfile.TemporaryDirectory(prefix="filterfleet-bench-") as name:
        for size in megapixels:
            folder = Path(name) / f"{size:g}"
            folder.mkdir()
            make_photographs(folder, 3, size)
            files = [file.read_bytes() for file in sorted(folder.iterdir())]
            yield from (file for file in files if read_header(file).bands == 3)


def _measured(files: Sequence[bytes], rounds: int) -> Iterator[tuple[str, float, float]]:
    """The name of each part, and the mean seconds for a file: the bare calls, and ours."""
    measured = [[_medians(part, rounds) for part in parts_of(file)] for file in files]
    for number, part in enumerate(parts_of(files[0])):
        bare, ours = zip(*(of_file[number] for of_file in measured), strict=True)
        yield part.name, statistics.mean(bare), statistics.mean(ours)


def _medians(part: Part, rounds: int) -> tuple[float, float]:
    """Seconds of CPU, of the bare calls and of ours."""
    bare: list[float] = []
    ours: list[float] = []
    for number in range(rounds):
        for call, seconds in ((part.bare, bare), (part.ours, ours))[:: 1 if number % 2 else -1]:
            began = time.thread_time()
            call()
            seconds.append(time.thread_time() - began)
    return statistics.median(bare), statistics.median(ours)


def parts_of(file: bytes) -> list[Part]:
    """All parts of the work that the default recipe makes of a JPEG photograph in colour, and the whole of it."""
    header = read_header(file)
    image = decode(file, header)
    gray, blur, canny = (bind(Step(name)) for name in ("grayscale", "gaussian_blur", "canny"))
    grays, blurred = gray(image), blur(image)
    edges = canny(grays)

    def bare_whole() -> None:
        image = _decoded(file)
        grays = _gray(image)
        _jpeg(grays)
        _jpeg(_blur(image))
        _png(_edges(grays))

    def whole() -> None:
        process(file, DEFAULT).close()

    return [
        Part("decode JPEG", lambda: _decoded(file), lambda: decode(file, read_header(file))),
        Part("grayscale", lambda: _gray(image), lambda: gray(image)),
        Part("gaussian_blur", lambda: _blur(image), lambda: blur(image)),
        Part("canny", lambda: _edges(grays), lambda: canny(grays)),
        Part("encode JPEG, gray", lambda: _jpeg(grays), lambda: encode(grays, Target("jpeg"))),
        Part("encode JPEG, colour", lambda: _jpeg(blurred), lambda: encode(blurred, Target("jpeg"))),
        Part("encode PNG, edges", lambda: _png(edges), lambda: encode(edges, Target("png"), bilevel=True)),
        Part("whole image", bare_whole, whole),
    ]


def _decoded(file: bytes) -> Image:
    image: Image = simplejpeg.decode_jpeg(file, "BGR", strict=True)
    return image


def _gray(image: Image) -> Image:
    return cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)


def _blur(image: Image) -> Image:
    return cv2.GaussianBlur(image, (5, 5), 1.4)


def _edges(gray: Image) -> Image:
    across, down = cv2.spatialGradient(gray, borderType=cv2.BORDER_REPLICATE)
    edges: Image = cv2.Canny(across, down, 100, 200)
    return edges


def _jpeg(image: Image) -> Any:
    return cv2.imencode(".jpg", image, _QUALITY)[1]


def _png(edges: Image) -> bytes:
    deflate = zlib.compressobj(1, zlib.DEFLATED, 15, 9, zlib.Z_RLE)
    return deflate.compress(np.packbits(edges, axis=1).data) + deflate.flush()
