"""The program that anybody would write first: plain OpenCV calls in one process.

`python -m filterfleet.bench.plain IN OUT [THREADS]`
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2


def main(source: Path, output: Path) -> None:
    make_folders(output)
    for path in sorted(source.iterdir()):
        apply(path, output)


def make_folders(output: Path) -> None:
    for name in ("grayscale", "blur", "edges"):
        (output / name).mkdir(parents=True)


def apply(path: Path, output: Path) -> None:
    """Read one photograph and write its three outputs."""
    image = cv2.imread(str(path))
    if image is None:
        raise SystemExit(f"{path} is no image.")
    gray = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    cv2.imwrite(str(output / "grayscale" / path.name), gray, [cv2.IMWRITE_JPEG_QUALITY, 90])
    blur = cv2.GaussianBlur(image, (5, 5), 1.4)
    cv2.imwrite(str(output / "blur" / path.name), blur, [cv2.IMWRITE_JPEG_QUALITY, 90])
    cv2.imwrite(str(output / "edges" / f"{path.name}.png"), cv2.Canny(gray, 100, 200))


if __name__ == "__main__":
    cv2.setNumThreads(int(sys.argv[3]) if len(sys.argv) > 3 else 1)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
