"""How a listener is to behave."""

from __future__ import annotations

from dataclasses import dataclass

from filterfleet.listener.core.settings import DISK
from filterfleet.listener.core.settings import Backfill as Backfill
from filterfleet.listener.core.settings import Failures as Failures


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
