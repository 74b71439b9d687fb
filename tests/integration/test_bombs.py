"""Small files of many pixels: done within the memory that there is for images, or refused in a sentence.

Flat pictures are honest, however well they compress, so that only memory bounds them.
"""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import pyvips
from PIL import Image as Pillow

from filterfleet.worker.pixels.opencv import cv2

SIDE = 5_000
CONSTANT = 64 << 20  # bytes beyond --memory: tables of libraries, and what allocators keep


def runs(width: int, height: int) -> bytes:
    """A BMP of a kilobyte whose run lengths write a few pixels and leave out the others."""
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, 0, 0, 0, 2, 0)
    return b"BM" + struct.pack("<IHHI", 0, 0, 0, 62) + head + bytes(8) + b"\xff\x01" * 400 + b"\0\1"


def flat(folder: Path) -> list[Path]:
    white = np.full((SIDE, SIDE, 3), 255, np.uint8)
    lazy = pyvips.Image.new_from_memory(white, SIDE, SIDE, 3, "uchar").copy(interpretation="srgb")
    lazy.pngsave(str(folder / "flat.png"), compression=9)
    lazy.pngsave(str(folder / "interlaced.png"), compression=9, interlace=True)
    lazy.tiffsave(str(folder / "deflated.tif"), compression="deflate")
    lazy.webpsave(str(folder / "flat.webp"), lossless=True, effort=0)
    lazy.heifsave(str(folder / "flat.avif"), compression="av1", effort=0)
    lazy.gifsave(str(folder / "flat.gif"), effort=1)
    lazy.jpegsave(str(folder / "progressive.jpg"), interlace=True)
    cv2.imwrite(str(folder / "flat.jp2"), white)
    Pillow.new("1", (SIDE, SIDE), 1).save(folder / "fax.tif", compression="group4")
    (folder / "runs.bmp").write_bytes(runs(SIDE, SIDE))
    return sorted(folder.iterdir())


@pytest.mark.parametrize("memory", [64 << 20, pytest.param(500 << 20, marks=pytest.mark.slow)])
def test_what_goes_through_stays_within_its_memory(memory: int, tmp_path: Path) -> None:
    files = flat(tmp_path)
    cases = [{"file": str(file), "steps": [["canny", []]], "encoding": "png", "threads": 1} for file in files]
    lines = "\n".join(json.dumps(case | {"memory": memory}) for case in cases)
    child = subprocess.run(
        [sys.executable, "-m", "tests.integration.needs_child"],
        input=lines,
        capture_output=True,
        text=True,
        timeout=150,
    )
    assert child.returncode == 0, child.stderr
    found = {file.name: json.loads(line) for file, line in zip(files, child.stdout.splitlines(), strict=True)}
    for name, outcome in found.items():
        strips = 256 << 20 if name in ("flat.png", "deflated.tif", "fax.tif") else 0
        assert outcome["taken"] < max(memory, strips) + CONSTANT, (name, outcome)
        assert "need" in outcome or "of memory, and this worker has" in outcome["sentence"], (name, outcome)
    assert all("need" in found[name] for name in ("flat.png", "deflated.tif", "fax.tif"))


def test_a_kilobyte_of_run_lengths_is_no_picture_of_a_gigabyte(tmp_path: Path) -> None:
    (tmp_path / "runs.bmp").write_bytes(runs(16_000, 16_000))
    case = {"file": str(tmp_path / "runs.bmp"), "steps": [], "encoding": "same", "threads": 1}
    child = subprocess.run(
        [sys.executable, "-m", "tests.integration.needs_child"],
        input=json.dumps(case),
        capture_output=True,
        text=True,
        timeout=60,
    )
    found = json.loads(child.stdout)
    assert found["sentence"] == "The BMP file claims 16000 x 16000 pixels, far too many for its 864 bytes."
    assert found["taken"] < CONSTANT
