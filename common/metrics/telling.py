"""How a process that serves no page of its own tells its supervisor its numbers, over the socket of sd_notify(3)."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from filterfleet.common.metrics.families import Family, encoded
from filterfleet.common.process.notify import Notifier

WANTED = "FILTERFLEET_NUMBERS"  # environment: the supervisor wants them
PERIOD = 1.0  # seconds between two messages. More: older numbers. Less: more work for both.


class Teller:
    """Tells nothing unless the supervisor wants it."""

    def __init__(self, notifier: Notifier) -> None:
        self._notifier = notifier
        self._wanted = bool(os.environ.pop(WANTED, ""))
        self._next = 0.0

    def turn(self, families: Callable[[], list[Family]]) -> None:
        """To be called in each turn of the main loop."""
        if self._wanted and (now := time.monotonic()) >= self._next:
            self._next = now + PERIOD
            self._notifier.tell(encoded(families()))
