"""How a thread that serves metrics gets numbers out of a loop: it asks, and the loop answers in one of its turns.

So nothing is computed unless somebody asks, and nobody looks at values that the loop is changing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from filterfleet.common.metrics.families import Family

PATIENCE = 5.0  # seconds that an asker waits; a loop that answers later than that is in trouble


class Board:
    """For one loop and any number of askers."""

    def __init__(self) -> None:
        self.asked = False  # the loop looks at this in each turn
        self._change = threading.Condition()
        self._turns = 0
        self._families: list[Family] = []

    def answer(self, families: Callable[[], list[Family]]) -> None:
        """To be called by the loop in each turn."""
        if self.asked:
            with self._change:
                self.asked = False
                self._families = families()
                self._turns += 1
                self._change.notify_all()

    def ask(self) -> list[Family]:
        """The numbers of a turn that begins after this call. Raises TimeoutError."""
        with self._change:
            wanted = self._turns + 1
            self.asked = True
            if not self._change.wait_for(lambda: self._turns >= wanted, PATIENCE):
                raise TimeoutError("The daemon does not answer.")
            return self._families
