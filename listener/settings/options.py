"""How a listener is to behave."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from filterfleet.listener.core.intake import DISK


class Backfill(enum.StrEnum):
    """What happens to the images that are there when a source is looked at for the first time."""

    OLDEST = "oldest"  # first
    NEWEST = "newest"  # first
    NONE = "none"  # of them are processed


class Failures(enum.StrEnum):
    """What failed/ at the output gets of an image that cannot be processed."""

    COPY = "copy"  # and the reason
    REASON = "reason"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class Options:
    """settle and interval are in seconds; once ends the listener when everything there has been done; departs: what
    is done leaves the source; transfers: at a time, in each direction; spool: bytes of temporary files at most."""

    settle: float
    interval: float
    once: bool = False
    backfill: Backfill = Backfill.OLDEST
    failures: Failures = Failures.OFF
    departs: bool = False
    transfers: int = 4
    spool: int = DISK
