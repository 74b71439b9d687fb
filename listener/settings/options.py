"""How a listener is to behave: the part of its options that is left when the ends have been opened."""

from __future__ import annotations

from dataclasses import dataclass

from filterfleet.listener.core.settings import DISK, Backfill, Failures

REMOTE_INTERVAL, LOCAL_INTERVAL = 15.0, 5.0  # seconds between scans, unless the user says otherwise


@dataclass(frozen=True, slots=True)
class Options:
    """What ListenerService needs to know of a user's choices.

    settle, interval, once, backfill, failures, departs, spool and sidecar are as in listener.core.settings.Settings.
    transfers: objects read from the source at once, and results written to the output at once. More hide the delay of a
    distant cloud; fewer take less of its bandwidth and of the calls that it allows.
    """

    settle: float
    interval: float
    once: bool = False
    backfill: Backfill = Backfill.OLDEST
    failures: Failures = Failures.OFF
    departs: bool = False
    transfers: int = 4
    spool: int = DISK
    sidecar: bool = False
