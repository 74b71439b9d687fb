"""A huge image through all chains of a recipe, strip by strip: one pass over the file, several outputs, any threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from filterfleet.common.blob import Blob, FileBlob
from filterfleet.common.errors import ImageError
from filterfleet.common.jobs.recipe import Damaged
from filterfleet.worker.clock import Clock
from filterfleet.worker.filters import Bound, Image, Place
from filterfleet.worker.filters.merge import Resampled, Rows
from filterfleet.worker.formats import Carried, Header, Target
from filterfleet.worker.formats.metadata import NOTHING
from filterfleet.worker.strips import plan
from filterfleet.worker.strips.barriers import Barrier, open_barrier
from filterfleet.worker.strips.plan import Size
from filterfleet.worker.strips.source import Decoded
from filterfleet.worker.strips.span import Span
from filterfleet.worker.strips.spool import RowSource
from filterfleet.worker.strips.upright import upright
from filterfleet.worker.strips.writers import Ordered, open_writer
from filterfleet.worker.tree import Node
from filterfleet.worker.whole import WHOLE_PIXELS, outputs_of


@dataclass(frozen=True, slots=True)
class Streamed:
    """Files by the name of their output; seconds are summed over threads, by decode, filter and encode."""

    files: Mapping[str, FileBlob]
    seconds: Mapping[str, float]


def obstacle(header: Header, root: Node, targets: Mapping[str, Target], limit: int = WHOLE_PIXELS) -> str | None:
    """The sentence that says why this recipe cannot run on this image in strips; None if it can. targets are
    those of the outputs, by name."""
    try:
        plan.check(root, Size(*header.upright), targets, limit)
    except ImageError as error:
        return str(error)
    return None


def process_in_strips(
    blob: Blob,
    header: Header,
    root: Node,
    targets: Mapping[str, Target],
    *,
    carried: Carried = NOTHING,
    damaged: Damaged = Damaged.REFUSE,
    threads: int = 1,
) -> Streamed:
    """All outputs of the tree below root, for one image file; targets are theirs, by name.

    Pixels are those the whole image would give. Memory is bounded by the width of the image and the threads, and so is
    what waits on disk (in $TMPDIR): results, and once more the pixels for each step that needs to see all of them.
    Raises ImageError, before anything is decoded if the recipe cannot run in strips (see obstacle), and OSError.
    """
    if sentence := obstacle(header, root, targets):
        raise ImageError(sentence)
    began = time.perf_counter()
    source = upright(Decoded(blob, header, damaged), header.orientation)
    opened = time.perf_counter() - began
    streamed = stream(source, root, targets, carried=carried, threads=threads)
    return Streamed(streamed.files, {**streamed.seconds, "decode": streamed.seconds["decode"] + opened})


def stream(
    source: RowSource,
    root: Node,
    targets: Mapping[str, Target],
    *,
    carried: Carried = NOTHING,
    threads: int = 1,
    limit: int = WHOLE_PIXELS,
    rows: int | None = None,
) -> Streamed:
    """process_in_strips for any source of rows. An image that a step has made as small as limit, in pixels, goes on
    whole. rows are those of a band: a multiple of 128 where an output is a JPEG; None lets the image decide."""
    run = _Run(targets, carried, threads, limit, rows)
    run.tree(source, root)
    return Streamed(run.files, run.clock.seconds)


@dataclass(slots=True)
class _Run:
    """What all passes of one image share."""

    targets: Mapping[str, Target]
    carried: Carried
    threads: int
    limit: int
    rows: int | None
    files: dict[str, FileBlob] = field(default_factory=dict)
    clock: Clock = field(default_factory=Clock)

    def tree(self, source: RowSource, root: Node) -> None:
        """Everything below root, whose image is the source: one pass, and then one more for each of its barriers."""
        size = Size(source.width, source.height)
        rows = self.rows or plan.band_rows(root, size)
        barriers = _Pass(root, source, plan.bands(size.height, rows), rows, self).run(self.threads)
        while barriers:
            bound, child, barrier = barriers.pop()
            with self.clock.of("filter"):
                result = barrier.finish()
            if isinstance(bound.filter.merge, Resampled) and result.width * result.height <= self.limit:
                image = result.read(Span(0, result.height))
                for name, file in outputs_of(child, image, self.targets, self.carried, self.clock):
                    self.files[name] = FileBlob()
                    self.files[name].append(file)
            else:
                self.tree(result, child)


class _Pass:
    """One way down an image: every output and every barrier that its bands lead to."""

    def __init__(self, root: Node, source: RowSource, bands: Sequence[Span], rows: int, run: _Run) -> None:
        self._root, self._source, self._clock = root, source, run.clock
        self._size = Size(source.width, source.height)
        self._todo = enumerate(bands)
        self._turn = threading.Lock()
        self._failed = threading.Event()
        self._writers: dict[str, Ordered] = {}
        self._barriers: dict[int, tuple[Bound, Node, Barrier]] = {}  # by the id of the node below
        self._files = run.files
        self._open(root, bands, rows, run)

    def _open(self, node: Node, bands: Sequence[Span], rows: int, run: _Run) -> None:
        for output in node.outputs:
            size = self._size.width, self._size.height
            writer = open_writer(run.targets[output.name], run.carried, *size, rows, bilevel=node.bilevel)
            self._writers[output.name] = Ordered(writer)
        for bound, child in node.children:
            if isinstance(bound.filter.merge, Rows):
                self._open(child, bands, rows, run)
            else:
                self._barriers[id(child)] = bound, child, open_barrier(bound, self._size, bands)

    def run(self, threads: int) -> list[tuple[Bound, Node, Barrier]]:
        """Files go to the run; the barriers are full."""
        with ThreadPoolExecutor(threads, "strips") as pool:
            for work in [pool.submit(self._work) for _ in range(threads)]:
                work.result()
        for name, writer in self._writers.items():
            self._files[name] = writer.finish()
        return list(self._barriers.values())

    def _work(self) -> None:
        """Band after band, until none is left. As many are under way as there are threads."""
        try:
            while not self._failed.is_set() and (taken := self._take()):
                index, band, span, rows = taken
                self._node(self._root, index, band, rows, span)
                del taken, rows
        except BaseException:
            self._failed.set()
            raise

    def _take(self) -> tuple[int, Span, Span, Image] | None:
        with self._turn:
            index, band = next(self._todo, (0, None))
            if band is None:
                return None
            span = plan.needed(self._root, band, self._size)
            if self._source.ordered:
                return index, band, span, self._read(span)
        return index, band, span, self._read(span)

    def _read(self, span: Span) -> Image:
        with self._clock.of("decode"):
            return self._source.read(span)

    def _node(self, node: Node, index: int, band: Span, rows: Image, span: Span) -> None:
        """rows: the image's rows of the span, which has all that the band needs."""
        for output in node.outputs:
            with self._clock.of("encode"):
                self._writers[output.name].put(index, rows[band.within(span)])
        for bound, child in node.children:
            wanted = plan.step_needs(bound, child, band, self._size)
            given = rows[wanted.within(span)]
            if id(child) in self._barriers:
                with self._clock.of("filter"):
                    self._barriers[id(child)][2].put(index, band, given, wanted)
                continue
            with self._clock.of("filter"):
                result = bound(given, Place(wanted.top, self._size.width, self._size.height))
            self._node(child, index, band, result, wanted)
