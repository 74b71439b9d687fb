"""What has ended in one ledger, for those who tell it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from filterfleet.listener.ledger.endings import Ending, Mark, endings, is_pending
from filterfleet.listener.ledger.reading import reader

# Seconds that an ending rests before it is read: another one with the same instant may be recorded after it, and would
# be behind the mark. The clock of SQLite counts in milliseconds.
REST = 0.05


@dataclass(frozen=True, slots=True)
class Feed:
    """ledger is its file, source the source's name in it, recipe the recipe's digest in hexadecimal."""

    ledger: Path
    source: str
    recipe: str

    def read(self, done: Mark, failed: Mark, most: int, *, at_rest: bool = False) -> list[Ending]:
        """The first endings behind these marks, at most this number. at_rest: nothing more will end. Raises
        FleetError."""
        before = float("inf") if at_rest else time.time() - REST
        with reader(self.ledger) as db:
            return endings(db, self.source, self.recipe, done, failed, before, most)

    def is_pending(self) -> bool:
        """Raises FleetError."""
        with reader(self.ledger) as db:
            return is_pending(db, self.source, self.recipe)
