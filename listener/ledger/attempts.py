"""Attempts at an image as rows of their table."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

from filterfleet.common.jobs.ids import short_id
from filterfleet.common.wire import Try
from filterfleet.listener.core.books import Attempt


def failure(attempt: Attempt, reason: str, *, transient: bool) -> dict[str, Any]:
    """The attempt with which it has failed, now."""
    return {
        "job": short_id(attempt.job),
        "worker": attempt.worker[:255],
        "ending": "transient" if transient else "failed",
        "seconds": attempt.seconds,
        "ended": None,
        "reason": reason,
        "how": None,
    }


def earlier(job: bytes, tries: Sequence[Try]) -> Iterator[dict[str, Any]]:
    """What the broker had tried before the outcome that came now."""
    now = time.time() if tries else 0.0
    for one in tries:
        yield {
            "job": short_id(job),
            "worker": one.worker,
            "ending": "transient",
            "seconds": one.seconds,
            "ended": now - one.ago,
            "reason": one.reason,
            "how": one.ending,
        }
