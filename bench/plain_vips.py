"""The program that somebody would write first who knows libvips: three calls of pyvips for each photograph.

`python -m filterfleet.bench.plain_vips IN OUT`

Each call reads the file from top to bottom, with a thread for each core, and keeps a few rows. libvips' blur and edges
are not those of OpenCV, so the outputs of this program are other pixels.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pyvips

from filterfleet.bench.plain import make_folders

QUALITY = 90


def main(source: Path, output: Path) -> None:
    make_folders(output)
    for path in sorted(source.iterdir()):
        _gray(path).jpegsave(str(output / "grayscale" / path.name), Q=QUALITY)
        _read(path).gaussblur(1.4).jpegsave(str(output / "blur" / path.name), Q=QUALITY)
        _gray(path).canny(sigma=1.0, precision="integer").pngsave(str(output / "edges" / f"{path.name}.png"))


def _read(path: Path) -> pyvips.Image:
    return pyvips.Image.new_from_file(str(path), access="sequential")


def _gray(path: Path) -> pyvips.Image:
    return _read(path).colourspace("b-w")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
