"""A span of time in equal parts: how much was done in each, and how long the stages took."""

from __future__ import annotations

import heapq
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from filterfleet.listener.ledger.histogram import EMPTY, cells_of, mean, quantile, unpacked
from filterfleet.listener.ledger.history.rows import Part
from filterfleet.listener.ledger.history.statements import STATEMENTS, Place
from filterfleet.listener.ledger.minutes import MINUTE

# Minutes of a part whose histograms are looked at: those in which most was done. More: exacter times of long parts.
# Less: a long span is read sooner.
SAMPLED = 6

TOTAL = "total"  # the stage that is all of them

_Row = tuple[int, int, int, int, bytes]  # minute, done, failed, bytes, hist


def parts_of(db: sqlite3.Connection, places: Sequence[Place], first: int, step: int, count: int) -> list[Part]:
    """count parts of step minutes each, from this minute on."""
    rows: dict[int, list[_Row]] = defaultdict(list)
    for place in places:
        values: dict[str, Any] = place.key | {"since": first, "beyond": first + step * count}
        for row in db.execute(STATEMENTS["parts"], values):
            rows[(row[0] - first) // step].append(row)
    return [_part((first + number * step) * MINUTE, rows.get(number, ())) for number in range(count)]


def _part(at: float, rows: Iterable[_Row]) -> Part:
    rows = list(rows)
    busiest = heapq.nlargest(SAMPLED, rows, key=lambda row: row[1])
    cells = cells_of(sum((unpacked(row[4]) for row in busiest), EMPTY)) if busiest else {}
    totals = cells.get(TOTAL, ())
    return Part(
        at,
        done=sum(row[1] for row in rows),
        failed=sum(row[2] for row in rows),
        bytes=sum(row[3] for row in rows),
        quantiles=tuple(quantile(totals, share) for share in (0.5, 0.95, 0.99)) if any(totals) else None,
        means={stage: mean(found) for stage, found in cells.items() if stage != TOTAL and any(found)},
    )
