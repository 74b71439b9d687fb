"""An endless supply of small photographs that are all different. The same seed gives the same ones."""

from __future__ import annotations

import random
from pathlib import Path

from filterfleet.bench.photographs import shipped
from filterfleet.common.errors import FleetError
from filterfleet.worker.filters import Image
from filterfleet.worker.pixels.opencv import cv2

SIDES = 500, 1100  # pixels, from the least to the most; more is more work for the workers
FORMATS = (".jpg", ".jpg", ".jpg", ".png")
FOLDERS = ("", "trip/", "trip/day 2/")


class Photographs:
    """Writes photographs into a folder. Each appears there whole."""

    def __init__(self, folder: Path, scratch: Path, seed: int) -> None:
        """scratch is another folder on the same file system."""
        self.folder = folder
        self.count = 0
        self._scratch = scratch
        self._rng = random.Random(seed)  # noqa: S311 - repeatable, not secret
        self._originals = shipped()

    def add(self) -> None:
        """Write one more. Raises FleetError when it cannot be written."""
        rng = self._rng
        extension = rng.choice(FORMATS)
        target = self.folder / f"{rng.choice(FOLDERS)}{self.count:05d}{extension}"
        photograph = self._photograph()
        _, encoded = cv2.imencode(extension, photograph)
        draft = self._scratch / target.name
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            draft.write_bytes(encoded.data)
            draft.rename(target)
        except OSError as error:
            raise FleetError(f"The photograph {target} cannot be written: {error.strerror}.") from None
        self.count += 1

    def _photograph(self) -> Image:
        rng = self._rng
        original = rng.choice(self._originals)
        height, width = original.shape[:2]
        top, left = rng.randrange(height // 2), rng.randrange(width // 2)
        crop = original[top : top + height // 2, left : left + width // 2]
        return cv2.resize(crop, (rng.randint(*SIDES), rng.randint(*SIDES)), interpolation=cv2.INTER_AREA)
