"""The same photographs for fleets that are up, again and again."""

from __future__ import annotations

import filecmp
import time
from pathlib import Path

from filterfleet.bench.contenders import OURS
from filterfleet.bench.places import places
from filterfleet.bench.warm import WarmFleet
from filterfleet.common.errors import FleetError


class Batch:
    """The first `count` of the photographs, once more: under other names, and with a byte behind each of them, so that
    no ledger knows them. That changes no pixel, so the outputs have to be the expected ones."""

    def __init__(self, photographs: Path, expected: Path, count: int, prefix: str) -> None:
        self._photographs = sorted(photographs.iterdir())[:count]
        self._expected = expected
        self._prefix = prefix

    def seconds(self, fleet: WarmFleet, folder: Path) -> float:
        """From the moment at which they are there to the last output on disk. folder is on the fleet's file system.
        Raises FleetError."""
        staged = folder / "staged"
        staged.mkdir()
        for photograph in self._photographs:
            again = staged / f"{self._prefix}{photograph.name}"
            again.write_bytes(photograph.read_bytes() + self._prefix.encode())
        began = time.perf_counter()
        fleet.drop(sorted(staged.iterdir()))
        fleet.wait()
        seconds = time.perf_counter() - began
        staged.rmdir()
        self._check(fleet.output)
        return seconds

    def _check(self, output: Path) -> None:
        for name in (photograph.name for photograph in self._photographs):
            for wanted, made in zip(places(name), places(f"{self._prefix}{name}"), strict=True):
                found = output / made
                if not found.is_file() or not filecmp.cmp(self._expected / wanted, found, shallow=False):
                    raise FleetError(f"The output {made} of a fleet is missing, or is not that of {OURS}.")
                found.unlink()
