"""What a listener does for its ledger now and then: the journal, and forgetting what has been gone for long."""

from __future__ import annotations

import time
from pathlib import Path

from filterfleet.common.logs import get_logger
from filterfleet.listener.ledger.ledger import Ledger
from filterfleet.listener.settings.retention import DAY, KEEP_DAYS

# Seconds from the start to the first prune. More: a listener that starts is busy with images alone for longer. Less: a
# listener that never runs for long prunes as well.
FIRST_PRUNE = 30.0

log = get_logger("listener")


class Upkeep:
    """Of one source's part of a ledger. turn() is to be called now and then, on the ledger's thread."""

    def __init__(self, ledger: Ledger, state: Path, source: str, keep_days: float = KEEP_DAYS) -> None:
        """Raises FleetError."""
        self._ledger = ledger
        self._keep = keep_days * DAY
        self._next_prune = time.monotonic() + FIRST_PRUNE
        self._journal = ledger.journal(state, source)

    def close(self) -> None:
        self._journal.close()

    def turn(self) -> None:
        """Raises FleetError."""
        self._journal.flush()
        if time.monotonic() >= self._next_prune:
            self._next_prune = time.monotonic() + DAY
            if rows := self._ledger.prune(time.time() - self._keep):
                log.info("forgotten", rows=rows)
            self._ledger.commit()
