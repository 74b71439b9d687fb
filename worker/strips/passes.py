"""One pass over a huge image: threads take band after band through a tree of steps, to every output and barrier."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from filterfleet.worker.clock import Clock
from filterfleet.worker.filters import Place
from filterfleet.worker.naming import said_of
from filterfleet.worker.pixels.image import Image
from filterfleet.worker.strips import plan
from filterfleet.worker.strips.barriers import Barrier
from filterfleet.worker.strips.plan import Size
from filterfleet.worker.strips.span import Span
from filterfleet.worker.strips.spool import RowSource
from filterfleet.worker.strips.writers import Ordered
from filterfleet.worker.tree import Node


@dataclass(frozen=True, slots=True)
class _Band:
    """rows hold span, which is what the band needs of the image."""

    index: int
    band: Span
    span: Span
    rows: Image


class Pass:
    """bands cover the source from the top. writers are those of the outputs that this pass reaches, by name; barriers
    are those at which it ends, by the node of their result. The caller opens and closes all of them, and the source.
    """

    def __init__(
        self,
        source: RowSource,
        root: Node,
        bands: Sequence[Span],
        writers: Mapping[str, Ordered],
        barriers: Mapping[Node, Barrier],
        clock: Clock,
    ) -> None:
        self._source, self._root, self._clock = source, root, clock
        self._writers, self._barriers = writers, barriers
        self._size = Size(source.width, source.height)
        self._todo = enumerate(bands)
        self._bottom = 0  # of the span that an ordered source gave last
        self._turn = threading.Lock()
        self._failed = threading.Event()

    def run(self, threads: int) -> None:
        """Takes all bands through the tree. Raises the error of a thread, if one fails, once all threads have ended."""
        with ThreadPoolExecutor(threads, "strips") as pool:
            for work in [pool.submit(self._work) for _ in range(threads)]:
                work.result()

    def _work(self) -> None:
        try:
            while not self._failed.is_set() and self._work_on_one():
                pass
        except BaseException:
            self._failed.set()
            raise

    def _work_on_one(self) -> bool:
        """Processes the next band; False when none is left. The band's rows are local to this call, so that a thread
        that waits for its next band does not hold its last one.
        """
        taken = self._take()
        if taken is None:
            return False
        self._node(self._root, taken, taken.rows, taken.span)
        return True

    def _take(self) -> _Band | None:
        with self._turn:
            index, band = next(self._todo, (0, None))
            if band is None:
                return None
            span = plan.needed(self._root, band, self._size)
            if self._source.ordered:
                # A band above may have needed rows far below itself, when many rows become one.
                span = Span(span.top, max(span.bottom, self._bottom))
                self._bottom = span.bottom
                return _Band(index, band, span, self._read(span))
        return _Band(index, band, span, self._read(span))

    def _read(self, span: Span) -> Image:
        with self._clock.of("decode"):
            return self._source.read(span)

    def _node(self, node: Node, taken: _Band, rows: Image, span: Span) -> None:
        """Everything below a node. rows hold the span of the node's image that everything below needs for this band."""
        for output in node.outputs:
            with self._clock.of("encode"):
                self._writers[output.name].put(taken.index, rows[taken.band.within(span)])
        for bound, child in node.children:
            wanted = plan.step_needs(bound, child, taken.band, self._size)
            given = rows[wanted.within(span)]
            if child in self._barriers:
                with self._clock.of("filter"), said_of(child.where):
                    self._barriers[child].put(taken.index, taken.band, given, wanted)
                continue
            with self._clock.of("filter"), said_of(child.where):
                result = bound(given, Place(wanted.top, self._size.width, self._size.height))
            self._node(child, taken, result, wanted)
