"""Steps that end a pass: each takes its bands in any order, and then is the source of the next pass."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any, Protocol

from filterfleet.worker.filters import Bound, Image
from filterfleet.worker.filters.merge import Hysteresis, Measured, Resampled
from filterfleet.worker.strips import plan, resample
from filterfleet.worker.strips.canny import Edges
from filterfleet.worker.strips.plan import Size
from filterfleet.worker.strips.span import Span
from filterfleet.worker.strips.spool import Mapped, RowSource, RowSpool


class Barrier(Protocol):
    """One step on an image of bands."""

    def put(self, index: int, band: Span, rows: Image, span: Span) -> None:
        """The band of this index; rows hold the span that plan.step_needs told. Raises OSError. From any thread."""

    def finish(self) -> RowSource:
        """The step's result, once all bands are in."""


def open_barrier(bound: Bound, size: Size, bands: Sequence[Span]) -> Barrier:
    match bound.filter.merge:
        case Measured() as merge:
            return _Measuring(bound, merge, size)
        case Hysteresis():
            return _Tracing(bound, size, bands)
        case Resampled() as merge:
            return _Resampling(bound, plan.resampling(bound, merge, size))
    raise TypeError(f"{bound.filter.name} is no barrier")


class _Measuring:
    def __init__(self, bound: Bound, merge: Measured, size: Size) -> None:
        self._bound, self._merge = bound, merge
        self._spool = RowSpool(size.width, size.height)
        self._total: Any = 0
        self._lock = threading.Lock()

    def put(self, index: int, band: Span, rows: Image, span: Span) -> None:  # noqa: ARG002 - the order does not matter
        rows = rows[band.within(span)]
        prepared, alpha = self._bound.prepare(rows)
        measured = self._merge.measure(prepared, **self._bound.values)
        self._spool.write(band.top, prepared if alpha is None else rows)
        with self._lock:
            self._total = self._total + measured

    def finish(self) -> RowSource:
        def applied(image: Image, **values: Any) -> Image:
            result: Image = self._merge.apply(image, self._total, **values)
            return result

        return Mapped(self._spool, lambda rows: self._bound.apply(rows, applied))


class _Tracing:
    def __init__(self, bound: Bound, size: Size, bands: Sequence[Span]) -> None:
        self._bound = bound
        self._edges = Edges(size.width, size.height, bands)
        self._low, self._high = sorted((bound.values["low"], bound.values["high"]))

    def put(self, index: int, band: Span, rows: Image, span: Span) -> None:
        prepared, _ = self._bound.prepare(rows)
        weak, strong = (
            self._bound.filter.function(prepared, **{**self._bound.values, "low": level, "high": level})
            for level in (self._low, self._high)
        )
        self._edges.put(index, weak[band.within(span)], strong[band.within(span)])

    def finish(self) -> RowSource:
        self._edges.finish()
        return self._edges


class _Resampling:
    def __init__(self, bound: Bound, resampled: resample.Plan) -> None:
        self._bound, self._plan = bound, resampled
        self._spool = RowSpool(resampled.width, resampled.height)

    def put(self, index: int, band: Span, rows: Image, span: Span) -> None:  # noqa: ARG002 - the order does not matter
        rows = rows[self._plan.needs(band).within(span)]
        if len(made := self._plan.makes(band)):
            self._spool.write(made.top, self._plan.resize(self._bound.prepare(rows)[0], band))

    def finish(self) -> RowSource:
        return self._spool
