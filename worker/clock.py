"""Where the time of one image goes."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator


class Clock:
    """Adds up the seconds that threads spend on each kind of work."""

    def __init__(self) -> None:
        self.seconds = {"decode": 0.0, "filter": 0.0, "encode": 0.0}
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def of(self, kind: str, where: str = "") -> Iterator[None]:
        """Counts the time of the block as work of this kind: decode, filter or encode. where is a step, or the name
        of an output."""
        began = time.perf_counter()
        try:
            yield
        finally:
            with self._lock:
                self.count(kind, where, time.perf_counter() - began)

    def count(self, kind: str, _where: str, seconds: float) -> None:
        """Seconds of a block that has ended; one thread at a time is here."""
        self.seconds[kind] += seconds
