"""What happened over time, in BARS equal parts of a span: throughput, percentiles, and where the time went."""

from __future__ import annotations

import datetime as dt
from typing import Any

from filterfleet.common.errors import FleetError
from filterfleet.listener.ledger.history import History, Part

BARS = 60
SPANS = {"1h": 1, "24h": 24, "7d": 168}  # minutes of each bar
STAGES = ("queue", "decode", "filter", "encode", "write")


def charts(history: History, span: str, now: float) -> dict[str, Any]:
    """Lists of BARS values, oldest first; the last one is under way. None where nothing was finished. today: since
    midnight. Raises FleetError."""
    if span not in SPANS:
        raise FleetError(f"There is no such span: there are {', '.join(SPANS)}.")
    step = SPANS[span]
    first = (int(now / 60) // step - BARS + 1) * step
    parts = history.parts(60.0 * first, step, BARS)
    today = history.minutes(_midnight(now))
    return {
        "from": 60 * first,
        "step": 60 * step,
        "done": [part.done for part in parts],
        "failed": [part.failed for part in parts],
        **{name: [_quantile(part, n) for part in parts] for n, name in enumerate(("p50", "p95", "p99"))},
        "stages": {stage: [part.means.get(stage) for part in parts] for stage in STAGES},
        "today": {"done": sum(minute.done for minute in today), "bytes": sum(minute.bytes for minute in today)},
    }


def _quantile(part: Part, number: int) -> float | None:
    return None if part.quantiles is None else round(part.quantiles[number], 4)


def _midnight(now: float) -> float:
    """Of this machine's day."""
    day = dt.datetime.fromtimestamp(now).astimezone()
    return day.replace(hour=0, minute=0, second=0, microsecond=0).timestamp()
