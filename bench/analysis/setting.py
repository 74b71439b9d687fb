"""What all parts of the analysis need: where, on which photographs, and how thoroughly."""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filterfleet.bench.photographs import make_photographs
from filterfleet.common.errors import FleetError
from filterfleet.common.jobs.names import is_image_name

LEAST_ROUNDS = 2  # fewer would show no spread


@dataclass(frozen=True, slots=True)
class Setting:
    """quick: fewer photographs and rounds, and nothing that takes minutes. images: a folder of photographs to use in
    place of those that ship. say tells a person what is done now."""

    folder: Path
    quick: bool
    images: Path | None
    say: Callable[[str], None]

    @property
    def rounds(self) -> int:
        """The most rounds of any measurement."""
        return 3 if self.quick else 5

    def laps(self, quick: float, full: float) -> Iterator[int]:
        """Numbers of rounds, from 0, that fit into this many seconds if each takes as long as the longest so far:
        LEAST_ROUNDS at least and `rounds` at most."""
        ends = time.monotonic() + (quick if self.quick else full)
        longest = 0.0
        for number in range(self.rounds):
            began = time.monotonic()
            if number >= LEAST_ROUNDS and began + longest > ends:
                return
            yield number
            longest = max(longest, time.monotonic() - began)

    def count(self, quick: int, full: int) -> int:
        return quick if self.quick else full

    @contextmanager
    def room(self, name: str) -> Iterator[Path]:
        """An empty folder that is removed at the end."""
        folder = self.folder / name
        folder.mkdir()
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def photographs(self, folder: Path, count: int, smallest: float, largest: float, seed: int = 1) -> None:
        """Fill a new folder with photographs between two sizes in megapixels. Raises FleetError."""
        folder.mkdir()
        if self.images is None:
            make_photographs(folder, count, smallest, largest, seed=seed)
            return
        found = sorted(file for file in self.images.rglob("*") if file.is_file() and is_image_name(file.name))
        if not found:
            raise FleetError(f"There are no photographs in {self.images}.")
        for number in range(count):
            original = found[number % len(found)]
            shutil.copyfile(original, folder / f"{number:0{1 + int(math.log10(count))}d}-{original.name}")
