"""How long the ledger keeps what has lost its use."""

from __future__ import annotations

DAY = 86_400.0  # seconds

# Days that the ledger keeps an object that has vanished from the source, and results of versions that were replaced.
# More: the history is longer, and the ledger larger. Less: the ledger is smaller.
KEEP_DAYS = 90.0
