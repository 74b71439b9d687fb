"""Every filter, decoder and encoder on patterns that tempt libraries beyond their buffers, while glibc checks the heap:

    python -m tests.fuzz.memory --seconds 60 [--seed 1]
    python -m tests.fuzz.memory --case 1000234    # once more the case that ended the process

A child process runs the cases, which are numbered. When it dies, the number of its last case is the last thing said.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from filterfleet.common.errors import ImageError, RecipeError
from filterfleet.common.jobs.recipe import Damaged, Metadata, Output, Recipe, Step, Value
from filterfleet.worker.filters import Filter, Measured, Rows, bind, catalogue
from filterfleet.worker.filters.parameters import (
    Boolean,
    Choice,
    Color,
    Integer,
    Kernel,
    Number,
    Parameter,
    Picture,
    Points,
    Text,
)
from filterfleet.worker.formats import Carried, Target, carried, decode, encode, read_header
from filterfleet.worker.pixels.depth import to_8_bits
from filterfleet.worker.pixels.image import Image
from filterfleet.worker.pixels.opencv import cv2, prepare_process
from filterfleet.worker.strips import process_in_strips
from filterfleet.worker.strips.check import joined
from filterfleet.worker.tree import grow
from tests.fuzz.checked import environment, library
from tests.fuzz.kinds import KINDS
from tests.fuzz.patterns import pattern
from tests.unit.samples import exif, profile

CASES_OF_A_SEED = 1_000_000
FILTERS_A_CASE = 6
WRITTEN = ("jpeg", "png", "webp", "avif", "tiff", "bmp")  # by our encoders
LARGEST = 40  # how far an integer parameter may lie above its minimum
LARGEST_READ = 1 << 20  # pixels: a spoiled header may claim a huge image, which would only take time
MADE = ("GIF", "JPEG2000", "HEIF", "TGA")  # Pillow's names of formats that are only read
PROFILE, EXIF, XMP = profile(), exif(gps=True), b"<x/>"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--case", type=int, help="run this case alone")
    parser.add_argument("--diary", type=Path, help=argparse.SUPPRESS)  # in the child: where it names each case
    arguments = parser.parse_args()
    first = arguments.case if arguments.case is not None else arguments.seed * CASES_OF_A_SEED
    seconds = 0.0 if arguments.case is not None else arguments.seconds
    if arguments.diary:
        _run(first, seconds, arguments.diary)
        return 0
    checker = library()
    print(f"memory: {checker} checks the heap" if checker else "memory: nothing here can check the heap", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        diary = Path(folder) / "diary"
        options = ["--case", str(first)] if arguments.case is not None else ["--seed", str(arguments.seed)]
        options += ["--seconds", str(seconds), "--diary", str(diary)]
        status = subprocess.run(
            [sys.executable, "-m", "tests.fuzz.memory", *options], env=environment(), check=False
        ).returncode
        last = diary.read_text(encoding="utf-8") if diary.exists() else "none"
    print(
        f"memory: FAILED, exit status {status}, in case {last}"
        if status
        else f"memory: found nothing up to case {last}"
    )
    return 1 if status else 0


def _run(first: int, seconds: float, diary: Path) -> None:
    """Runs at least one case, and more while there is time."""
    prepare_process()
    filters = catalogue()
    end = time.monotonic() + seconds
    for number in itertools.count(first):
        rng = random.Random(number)
        image = pattern(rng)
        for found in rng.sample(filters, FILTERS_A_CASE):
            diary.write_text(f"{number}: {found.name} on {image.dtype} {image.shape}", encoding="utf-8")
            _filter(found, image, rng)
        diary.write_text(f"{number}: files of {image.dtype} {image.shape}", encoding="utf-8")
        _stream(image, rng)
        _store(image, rng)
        if time.monotonic() >= end:
            return


def _filter(found: Filter, image: Image, rng: random.Random) -> None:
    """The image whole, and in strips where bands of it can be joined."""
    usual = rng.random() < 0.5
    values = {
        name: value(parameter, rng)
        for name, parameter in found.parameters.items()
        if parameter.default is None or not usual
    }
    try:
        bound = bind(Step(found.name, tuple(sorted(values.items()))))
        result = bound(image)
    except (ImageError, RecipeError):
        return
    if isinstance(found.merge, Rows | Measured):
        assert np.array_equal(joined(bound, image, 32), result)


def value(parameter: Parameter, rng: random.Random) -> Value:
    """A value that the parameter takes; integers that are sizes stay small, so that a case stays short."""
    match parameter:
        case Integer():
            chosen = rng.randint(parameter.minimum, min(parameter.maximum, parameter.minimum + LARGEST))
            return chosen | 1 if parameter.odd else chosen
        case Number():
            return rng.choice((parameter.minimum, rng.uniform(parameter.minimum, parameter.maximum), parameter.maximum))
        case Boolean():
            return rng.random() < 0.5
        case Choice():
            return rng.choice(parameter.choices)
        case Text():
            return "Wij" * rng.randint(1, 9)
        case Color():
            return f"#{rng.randrange(1 << 24):06x}"
        case Kernel():
            rows, columns = (rng.randrange(1, parameter.side + 1, 2) for _ in range(2))
            return tuple(tuple(rng.uniform(-2, 2) for _ in range(columns)) for _ in range(rows))
        case Points():
            firsts = sorted(rng.sample(range(101), rng.randint(2, parameter.most)))
            return tuple((first, rng.uniform(0, 100)) for first in firsts)
        case Picture():
            return bytes(cv2.imencode(".png", to_8_bits(pattern(rng))[..., :1])[1])
    raise TypeError(f"no value for {parameter}")


def _stream(image: Image, rng: random.Random) -> None:
    """A chain of up to two filters in strips, into each of the files that are written strip by strip."""
    names = ("canny", "otsu", "gaussian_blur", "thumbnail", "equalize", "median_blur")
    steps = tuple(Step(name, ()) for name in rng.sample(names, rng.randrange(3)))
    outputs = tuple(Output(kind, steps, kind) for kind in ("jpeg", "png", "tiff"))
    targets = {output.name: Target(output.name, rng.randint(1, 100), rng.choice((None, 9))) for output in outputs}
    file = encode(image, Target(rng.choice(("jpeg", "png", "tiff")), 90))
    header = read_header(file)
    streamed = process_in_strips(file, header, grow(Recipe(outputs)), targets)
    for written in streamed.files.values():
        with written:
            decode(written, read_header(written))


def _store(image: Image, rng: random.Random) -> None:
    """The image in a file of any format, read again: as it is, shortened, and with a few bytes changed."""
    kind = rng.choice((*WRITTEN, *KINDS))
    if isinstance(kind, str):
        target = Target(kind, rng.randint(1, 100), rng.choice((None, 0, 9)))
        file = encode(image, target, Carried(PROFILE, EXIF, XMP, (9999.0, 5000.0)), bilevel=_is_bilevel(image))
    else:
        file = kind(image, rng)
    with contextlib.suppress(ImageError):  # for some kinds, a picture is too small, or of a depth that is refused
        decode(file, read_header(file))
    spoiled = bytearray(file)
    for _ in range(rng.randint(1, 4)):
        spoiled[rng.randrange(len(spoiled))] = rng.randrange(256)
    for broken in (file[: rng.randrange(len(file))], bytes(spoiled)):
        for damaged in Damaged:
            with contextlib.suppress(ImageError):
                header = read_header(broken)
                carried(header, Metadata.KEEP)
                if header.pixels <= LARGEST_READ:
                    decode(broken, header, damaged)


def _is_bilevel(image: Image) -> bool:
    return image.ndim == 2 and image.dtype == np.uint8 and set(np.unique(image)) <= {0, 255}


if __name__ == "__main__":
    sys.exit(main())
