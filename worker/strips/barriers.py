"""Steps that end a pass. Each takes its bands in any order, and then is the source of the next pass."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any, Protocol

from filterfleet.worker.filters import Bound
from filterfleet.worker.filters.merge import Gathered, Hysteresis, Measured, Moved, Resampled
from filterfleet.worker.filters.transparency import resized
from filterfleet.worker.pixels.image import Image, Place
from filterfleet.worker.strips import plan, resample
from filterfleet.worker.strips.blocks import Blocks, Drawn
from filterfleet.worker.strips.edges import Edges
from filterfleet.worker.strips.plan import Size
from filterfleet.worker.strips.span import Span
from filterfleet.worker.strips.spool import Mapped, RowSource, RowSpool


class Barrier(Protocol):
    """One step on an image that comes in bands. It owns a temporary file."""

    def put(self, index: int, band: Span, rows: Image, span: Span) -> None:
        """Takes the band with this index. rows hold span, the rows that plan.step_needs named for the band. May be
        called from any thread. Raises OSError.
        """

    def finish(self) -> RowSource:
        """The step's result, once all bands are in. It shares the temporary file; closing either ends it."""

    def close(self) -> None:
        """Ends the temporary file. A second call does nothing."""


def open_barrier(bound: Bound, size: Size, bands: Sequence[Span]) -> Barrier:
    """The barrier for a step on an image of this size. Raises OSError."""
    match bound.filter.merge:
        case Measured() as merge:
            return _Measuring(bound, merge, size)
        case Hysteresis() as merge:
            return _Tracing(bound, merge, size, bands)
        case Resampled() as merge:
            return _Resampling(bound, plan.resampling(bound, merge, size))
        case Moved() as merge:
            return _Moving(bound, merge, size)
        case Gathered() as merge:
            return _Gathering(bound, merge, size)
    raise TypeError(f"{bound.filter.name} is not a barrier")


class _Measuring:
    """Sums what the bands measure while they wait in a spool; then the sum is applied to each row."""

    def __init__(self, bound: Bound, merge: Measured, size: Size) -> None:
        self._bound, self._merge = bound, merge
        self._spool = RowSpool(size.width, size.height)
        self._total: Any = 0
        self._lock = threading.Lock()

    def put(self, index: int, band: Span, rows: Image, span: Span) -> None:  # noqa: ARG002 - the order does not matter
        rows = rows[band.within(span)]
        measured = self._bound.measure(self._merge, rows)
        prepared, alpha = self._bound.prepare(rows)
        self._spool.write(band.top, prepared if alpha is None else rows)
        with self._lock:
            self._total = self._total + measured

    def finish(self) -> RowSource:
        def applied(image: Image, **values: Any) -> Image:
            result: Image = self._merge.apply(image, self._total, **values)
            return result

        return Mapped(self._spool, lambda rows: self._bound.apply(rows, applied))

    def close(self) -> None:
        self._spool.close()


class _Tracing:
    """Looks for weak and strong edges in each band, and joins them once all bands are in."""

    def __init__(self, bound: Bound, merge: Hysteresis, size: Size, bands: Sequence[Span]) -> None:
        self._bound, self._merge = bound, merge
        self._edges = Edges(size.width, size.height, bands)

    def put(self, index: int, band: Span, rows: Image, span: Span) -> None:
        prepared, _ = self._bound.prepare(rows)
        weak, strong = self._merge.ridges(prepared, **self._bound.values)
        self._edges.put(index, weak[band.within(span)], strong[band.within(span)])

    def finish(self) -> RowSource:
        self._edges.finish()
        return self._edges

    def close(self) -> None:
        self._edges.close()


class _Resampling:
    """Resizes each band; the rows of the result wait in a spool."""

    def __init__(self, bound: Bound, resampled: resample.Plan) -> None:
        self._bound, self._plan = bound, resampled
        self._spool = RowSpool(resampled.width, resampled.height)

    def put(self, index: int, band: Span, rows: Image, span: Span) -> None:  # noqa: ARG002 - the order does not matter
        rows = rows[self._plan.needs(band).within(span)]
        if len(made := self._plan.makes(band)):
            prepared, _ = self._bound.prepare(rows)
            self._spool.write(made.top, resized(prepared, lambda samples: self._plan.resize(samples, band)))

    def finish(self) -> RowSource:
        return self._spool

    def close(self) -> None:
        self._spool.close()


class _Moving:
    """Puts the rows that each band makes where they belong; they wait in a spool."""

    def __init__(self, bound: Bound, merge: Moved, size: Size) -> None:
        self._bound, self._merge, self._size = bound, merge, size
        self._spool = RowSpool(*merge.target(size.width, size.height, **bound.values))

    def put(self, index: int, band: Span, rows: Image, span: Span) -> None:  # noqa: ARG002 - the order does not matter
        width, height = self._size.width, self._size.height
        made = Span(*self._merge.made(band.top, band.bottom, width, height, **self._bound.values))
        if len(made):
            self._spool.write(made.top, self._bound(rows[band.within(span)], Place(band.top, width, height)))

    def finish(self) -> RowSource:
        return self._spool

    def close(self) -> None:
        self._spool.close()


class _Gathering:
    """Keeps all bands in blocks of columns, of which any part can be read; then the result is drawn."""

    def __init__(self, bound: Bound, merge: Gathered, size: Size) -> None:
        self._bound, self._merge = bound, merge
        self._blocks = Blocks(size.width, size.height)

    def put(self, index: int, band: Span, rows: Image, span: Span) -> None:  # noqa: ARG002 - the order does not matter
        self._blocks.write(band.top, self._bound.prepare(rows[band.within(span)])[0])

    def finish(self) -> RowSource:
        return Drawn(self._blocks, self._merge.draw(self._blocks, **self._bound.values))

    def close(self) -> None:
        self._blocks.close()
