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

    def read(self, done: Mark, failed: Mark, most: int) -> list[Ending]:
        """What has ended behind these marks, at most so much. Raises FleetError."""
        with reader(self.ledger) as db:
            return endings(db, self.source, self.recipe, done, failed, time.time() - REST, most)

    def is_pending(self) -> bool:
        """Raises FleetError."""
        with reader(self.ledger) as db:
            return is_pending(db, self.source, self.recipe)
