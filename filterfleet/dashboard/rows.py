"""Rows of the ledger as the page's scripts take them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from filterfleet.common.errors import FleetError
from filterfleet.dashboard.settings import PAGE, REASONS
from filterfleet.listener.ledger.history import History

LONGEST = 4096  # characters of a text to search for


def jobs(history: History, asked: Mapping[str, str]) -> dict[str, Any]:
    """A page of jobs, from the query of a request. Raises FleetError."""
    if any(len(text) > LONGEST for text in asked.values()):
        raise FleetError(f"The text to search for has {LONGEST} characters at most.")
    page = history.jobs(
        state=asked.get("state") or None,
        path=asked.get("text") or None,
        reason=asked.get("reason") or None,
        before=asked.get("before") or None,
        limit=PAGE,
    )
    return {"jobs": [msgspec.to_builtins(job) for job in page.jobs], "before": page.before}


def failures(history: History) -> dict[str, Any]:
    return {"reasons": [msgspec.to_builtins(reason) for reason in history.failures(REASONS)]}


def story(history: History, key: str) -> dict[str, Any]:
    """Raises FleetError when there is no such job."""
    found: dict[str, Any] = msgspec.to_builtins(history.job(key))
    return found
