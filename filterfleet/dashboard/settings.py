"""What a user chooses about the page, and the numbers that can be tuned."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from filterfleet.common.address import Address

# Seconds between two pictures of the fleet, while somebody looks. More leaves the broker and the ledger alone for
# longer; less shows sooner what happens.
LOOK = 1.0
# Seconds for which it goes on after the last one has looked away: somebody may only have reloaded the page.
LINGER = 5.0
# Streams of events at once. More: more browsers can look at the same time. Less: readers that never read take less.
STREAMS = 64
# Seconds that a reader has to take one event. More forgives slow lines; less frees a stream sooner.
UNREAD = 20.0
# Seconds for which a worker that is gone stays in the list.
GONE = 300.0
# Finished jobs from which rates are computed, and over how many seconds at most.
RECENT, WINDOW = 500, 60.0
# Rows of one answer: jobs, reasons.
PAGE, REASONS = 50, 50
# Images in one answer for the gallery.
PICTURES = 24
# Images among which those are looked for.
LOOKED_AT = 200


@dataclass(frozen=True, slots=True)
class Settings:
    """state is the folder of the ledger. output is where results are, for people; folder is the same if it is a local
    folder, from which results can be shown. broker, frontend_port and keys are how the broker is reached. behind_https:
    a proxy says how browsers have come."""

    state: Path
    output: str
    folder: Path | None
    broker: str
    frontend_port: int
    keys: Path | None
    bind: Address
    hosts: tuple[str, ...] = ()
    prefix: str = ""
    read_only: bool = False
    behind_https: bool = False
