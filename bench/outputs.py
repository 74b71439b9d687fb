"""Whether the outputs of two programs are the same, or nearly so. A fast wrong answer is worthless."""

from __future__ import annotations

import filecmp
from pathlib import Path

import cv2
import numpy as np

from filterfleet.common.errors import FleetError
from filterfleet.worker.filters import Image

LEVELS = 6.0  # of 255, by which gray and blurred pixels may differ on average
LIKENESS = 0.2  # correlation of blurred edges, at least
ENOUGH = 0.005  # share of the pixels that are edges, from which on theirs and ours can be compared
NEAR = (15, 15)  # pixels within which edges count as the same


def files_of(folder: Path) -> list[Path]:
    """The outputs in a folder, relative to it."""
    return sorted(file.relative_to(folder) for file in folder.rglob("*.*") if file.is_file())


def different(expected: Path, found: Path) -> int:
    """How many files of one folder are missing in the other, or not the same byte for byte."""
    _, other, missing = filecmp.cmpfiles(expected, found, files_of(expected), shallow=False)
    return len(other) + len(missing)


def check_same(expected: Path, found: Path, name: str) -> None:
    """Raises FleetError unless all files are the same, byte for byte: otherwise the times could not be compared."""
    files = files_of(expected)
    _, other, missing = filecmp.cmpfiles(expected, found, files, shallow=False)
    if other or missing or not files:
        raise FleetError(f"{name}: {len(other)} outputs differ and {len(missing)} are missing.")


def check_similar(expected: Path, found: Path, name: str) -> None:
    """For programs with filters of their own. Raises FleetError unless all images are there in the same sizes, gray and
    blurred ones within a few levels, and edges where the others are."""
    files = files_of(expected)
    if not files:
        raise FleetError(f"There is nothing in {expected}.")
    for file in files:
        one, other = (cv2.imread(str(folder / file), cv2.IMREAD_GRAYSCALE) for folder in (expected, found))
        if other is None or one is None:
            raise FleetError(f"{name}: {file} is missing.")
        if one.shape != other.shape:
            raise FleetError(f"{name}: {file} has another size.")
        if file.parts[0] == "edges":
            alike = cv2.countNonZero(one) < ENOUGH * one.size or _likeness(one, other) >= LIKENESS
        else:
            alike = float(cv2.absdiff(one, other).mean()) <= LEVELS
        if not alike:
            raise FleetError(f"{name}: {file} is another picture.")


def _likeness(one: Image, other: Image) -> float:
    """The correlation of two images of edges, in which an edge may be some pixels aside; 0 when one has none."""
    near, others = (cv2.blur(image, NEAR).astype(np.float32) for image in (one, other))
    spread = float(near.std() * others.std())
    return float(((near - near.mean()) * (others - others.mean())).mean()) / spread if spread else 0.0
