"""Noise in each kind of samples, and what images that are made of it take beside what is set aside for them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyvips

from filterfleet.worker.settings import STRIPS_NEED

# More makes the tests slower. With less, worker.needs.SLACK hides more that an estimate forgets.
WIDTH, HEIGHT = 2_800, 2_100
CONSTANT = 24 << 20  # bytes by which allocators and libraries differ from one run to the next
MOST = 3  # times what is taken, and the constant, that may be set aside
WORST_CASES = {"watermark_image"}  # what is set aside is for a picture as tall as the image
KINDS = {"gray": (1, 8), "colour": (3, 8), "transparent": (4, 8), "deep": (3, 16), "deep, transparent": (4, 16)}
ALL_KINDS = {**KINDS, "gray, transparent": (2, 8), "deep, gray": (1, 16)}  # those of which there are few


def noise(bands: int, bits: int, across: int = WIDTH) -> pyvips.Image:
    """bands samples of that many bits for each pixel, of which there are equally many at any width."""
    dtype = np.uint8 if bits == 8 else np.uint16
    samples = np.random.default_rng(bands).integers(0, np.iinfo(dtype).max + 1, (HEIGHT, WIDTH, bands), dtype)
    gray, colour = ("b-w", "srgb") if bits == 8 else ("grey16", "rgb16")
    height = WIDTH * HEIGHT // across
    image = pyvips.Image.new_from_memory(samples, across, height, bands, "uchar" if bits == 8 else "ushort")
    return image.copy(interpretation=gray if bands < 3 else colour)


def check(cases: dict[str, tuple[Path, list[Any], str]], threads: int = 1, **options: object) -> None:
    """cases are a file, its steps and an encoding, by their names; options are those of the outputs."""
    lines = [
        json.dumps({"file": str(file), "steps": steps, "encoding": encoding, "threads": threads, "options": options})
        for file, steps, encoding in cases.values()
    ]
    child = subprocess.run(
        [sys.executable, "-m", "tests.integration.needs_child"],
        input="\n".join(lines),
        capture_output=True,
        text=True,
        timeout=850,
    )
    assert child.returncode == 0, child.stderr
    wrong = []
    for name, line in zip(cases, child.stdout.splitlines(), strict=True):
        found = json.loads(line)
        assert "need" in found, (name, found)
        taken, need = found["taken"], found["need"]
        print(f"{name}: {taken / 1e6:.0f} of {need / 1e6:.0f} MB")
        # All images in strips may take STRIPS_NEED, and several threads are seldom at their worst at once.
        close = need != STRIPS_NEED and threads == 1 and name not in WORST_CASES
        least = need / MOST - CONSTANT if close else 0
        if not least < taken <= need:
            wrong.append(f"{name}: {taken / 1e6:.0f} of {need / 1e6:.0f} MB")
    assert not wrong, wrong
