"""A workload of real photographs of a chosen size, the same in every run."""

from __future__ import annotations

import math
import random
from importlib import resources
from pathlib import Path

from filterfleet.common.errors import FleetError
from filterfleet.common.jobs.names import is_image_name
from filterfleet.worker.filters import Image
from filterfleet.worker.formats import decode, read_header
from filterfleet.worker.pixels.opencv import cv2


def make_photographs(folder: Path, count: int, megapixels: float, largest: float | None = None, seed: int = 1) -> None:
    """Write count JPEG files of about the given size: seeded, scaled crops of the shipped photographs.

    With largest, their sizes lie between megapixels and largest. Raises FleetError.
    """
    rng = random.Random(seed)  # noqa: S311 - repeatable, not secret
    originals = shipped()
    for number in range(count):
        original = originals[number % len(originals)]
        height, width = original.shape[:2]
        top, left = rng.randrange(height // 4), rng.randrange(width // 4)
        crop = original[top : top + height * 3 // 4, left : left + width * 3 // 4]
        pixels = 1e6 * (megapixels if largest is None else rng.uniform(megapixels, largest))
        scale = math.sqrt(pixels / (crop.shape[0] * crop.shape[1]))
        size = (round(crop.shape[1] * scale), round(crop.shape[0] * scale))
        photograph = cv2.resize(crop, size, interpolation=cv2.INTER_CUBIC)
        target = folder / f"{number:04d}.jpg"
        if not cv2.imwrite(str(target), photograph, [cv2.IMWRITE_JPEG_QUALITY, 92]):
            raise FleetError(f"The photograph {target} cannot be written.")


def shipped() -> list[Image]:
    """The photographs that ship with filterfleet, decoded."""
    with resources.as_file(resources.files("filterfleet.demo") / "photos") as photos:
        files = [photo.read_bytes() for photo in sorted(photos.iterdir()) if is_image_name(photo.name)]
    return [decode(file, read_header(file)) for file in files]
