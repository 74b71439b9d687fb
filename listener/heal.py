"""Looks now and then whether outputs are still there, and orders those again that somebody has deleted."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

from filterfleet.common.errors import FleetError
from filterfleet.common.logs import get_logger
from filterfleet.listener.audit import Fault, LocalOutput, faults
from filterfleet.listener.core.order import Order, Redo
from filterfleet.listener.core.settings import MASS, MASS_MINIMUM, SHARE
from filterfleet.listener.ledger.reading import made, reader

# Seconds between two looks at all outputs, at least. More: less work for the disk. Less: what was deleted comes back
# sooner. A look that takes t seconds is followed by a pause of SHARE * t at least.
PAUSE = 10.0
# Seconds since an image was done before a missing output of it counts as deleted. More: a slow file system may show its
# files later. Less: what was deleted at once comes back sooner.
GRACE = 5.0

log = get_logger("listener")


class Healer:
    """A thread that reads the ledger for itself. give is called with orders, from that thread."""

    def __init__(self, ledger: Path, source: str, output: LocalOutput, give: Callable[[Order], object]) -> None:
        self._ledger = ledger
        self._source = source
        self._output = output
        self._give = give
        self._doubted: tuple[str, ...] = ()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heal", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Returns when no look is under way."""
        self._stop.set()
        self._thread.join()
        self._output.close()

    def _run(self) -> None:
        pause = PAUSE
        while not self._stop.wait(pause):
            began = time.monotonic()
            try:
                self.look()
            except FleetError as error:
                log.warning("outputs cannot be looked at", reason=str(error))
            pause = max(PAUSE, SHARE * (time.monotonic() - began))

    def look(self) -> None:
        """Order everything that is missing. When most outputs are, the output is not what it was: then nothing is
        ordered. Raises FleetError."""
        count, missing = 0, []
        old = time.time() - GRACE
        with reader(self._ledger) as db:
            for image in made(db, self._source):
                if self._stop.is_set():
                    return
                if image.at_source and image.finished_at < old:
                    count += 1
                    if any(found.fault is Fault.MISSING for found in faults(image, self._output.size)):
                        missing.append(image.path)
        paths = tuple(missing)
        if len(paths) > max(MASS_MINIMUM, MASS * count):
            if paths != self._doubted:
                self._doubted = paths
                advice = "if they were deleted on purpose, `filterfleet redo --missing` makes them again"
                log.warning("most results are missing", missing=len(paths), of=count, advice=advice)
        elif paths:
            log.info("results are missing and are made again", images=len(paths))
            self._give(Redo(paths))
