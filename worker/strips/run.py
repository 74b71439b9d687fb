"""A huge image through all chains of a recipe, strip by strip: several outputs and threads, and as few passes over the
pixels as the recipe allows.

Everything that waits on disk has an owner that closes it. A source is closed after its pass, and a barrier after the
pass over its result. The files of outputs belong to the caller when all are done, and are closed here if anything
fails.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from filterfleet.common.blob import Blob, FileBlob
from filterfleet.common.errors import ImageError
from filterfleet.common.jobs.recipe import Damaged, Output
from filterfleet.worker.clock import Clock
from filterfleet.worker.closing import closed_on_error
from filterfleet.worker.filters import Bound
from filterfleet.worker.filters.merge import Resizing
from filterfleet.worker.formats import Carried, Header, Target
from filterfleet.worker.formats.metadata import NOTHING
from filterfleet.worker.formats.spaces import stating_space
from filterfleet.worker.naming import said_of
from filterfleet.worker.settings import WHOLE_PIXELS
from filterfleet.worker.strips import plan
from filterfleet.worker.strips.barriers import Barrier, open_barrier
from filterfleet.worker.strips.passes import Pass
from filterfleet.worker.strips.plan import Size
from filterfleet.worker.strips.source import Decoded
from filterfleet.worker.strips.span import Span
from filterfleet.worker.strips.spool import RowSource
from filterfleet.worker.strips.upright import upright
from filterfleet.worker.strips.writers import Ordered, open_writer
from filterfleet.worker.tree import NOTHING_MADE, Known, Node
from filterfleet.worker.whole import Sized, accepted, outputs_of


@dataclass(frozen=True, slots=True)
class Streamed:
    """Files by the name of their output, which the caller closes; seconds by kind of work (decode, filter, encode),
    summed over threads; and width and height in pixels by the name of the output.
    """

    files: Mapping[str, FileBlob]
    seconds: Mapping[str, float]
    sizes: Mapping[str, tuple[int, int]]


def obstacle(
    header: Header,
    root: Node,
    targets: Mapping[str, Target],
    limit: int = WHOLE_PIXELS,
    known: Known = NOTHING_MADE,
    *,
    hopeful: bool = False,
) -> str | None:
    """The sentence that says why this recipe cannot run on this image in strips; None if it can. targets are those of
    the outputs, by name; limit is in pixels, as in stream; hopeful as in plan.check.
    """
    try:
        plan.check(root, Size(*header.upright), targets, limit, known, hopeful=hopeful)
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
    limit: int = WHOLE_PIXELS,
    sized: Sized = accepted,
) -> Streamed:
    """All outputs of the tree below root, for one image file. targets are those of the outputs, by name.

    The pixels equal those of the whole image. worker.strips.needs says how much memory that takes. limit is in pixels,
    as in stream; sized is as in worker.whole.
    The results wait in temporary files ($TMPDIR), and so do the pixels before each step that needs to see all of them.
    Raises ImageError, before anything is decoded if the recipe cannot run in strips (see obstacle), MemoryError, and
    OSError.
    """
    if sentence := obstacle(header, root, targets, limit, hopeful=True):
        raise ImageError(sentence)
    began = time.perf_counter()
    with closed_on_error(Decoded(blob, header, damaged)) as decoded:
        source = upright(decoded, header.orientation)
    opened = time.perf_counter() - began
    streamed = stream(source, root, targets, carried=carried, threads=threads, limit=limit, sized=sized)
    return replace(streamed, seconds={**streamed.seconds, "decode": streamed.seconds["decode"] + opened})


def stream(
    source: RowSource,
    root: Node,
    targets: Mapping[str, Target],
    *,
    carried: Carried = NOTHING,
    threads: int = 1,
    limit: int = WHOLE_PIXELS,
    rows: int | None = None,
    sized: Sized = accepted,
) -> Streamed:
    """As process_in_strips, for any source of rows, which is closed here. An image that a step has made as small as
    limit, in pixels, goes on whole. rows is the height of a band, a multiple of 128 if an output is a JPEG; None lets
    the image decide.
    """
    with contextlib.ExitStack() as unfinished:
        run = _Run(targets, carried, threads, limit, rows, sized, unfinished)
        run.tree(source, root)
        unfinished.pop_all()
    return Streamed(run.files, run.clock.seconds, run.sizes)


@dataclass(slots=True)
class _Run:
    """All passes of one image. unfinished closes the files of outputs, if anything fails."""

    targets: Mapping[str, Target]
    carried: Carried
    threads: int
    limit: int
    rows: int | None
    sized: Sized
    unfinished: contextlib.ExitStack
    files: dict[str, FileBlob] = field(default_factory=dict)
    sizes: dict[str, tuple[int, int]] = field(default_factory=dict)
    clock: Clock = field(default_factory=Clock)

    def tree(self, source: RowSource, root: Node) -> None:
        """Everything below root, whose image is the source: one pass, and then one more for each of its barriers."""
        with contextlib.ExitStack() as barriers:
            with contextlib.closing(source):
                ended_at = self._pass(source, root, barriers)
            while ended_at:
                bound, child, barrier = ended_at.pop()
                with self.clock.of("filter"), said_of(child.where):
                    result = barrier.finish()
                self.sized(bound, child, result.width, result.height)
                self._go_on(result, bound, child)

    def _pass(
        self, source: RowSource, root: Node, open_barriers: contextlib.ExitStack
    ) -> list[tuple[Bound, Node, Barrier]]:
        """One pass; returns the steps at which it ended, each with the node of its result and its barrier."""
        size = Size(source.width, source.height)
        rows = self.rows or plan.band_rows(root, size)
        bands = plan.bands(size.height, rows)
        writers: dict[str, Ordered] = {}
        ended_at: list[tuple[Bound, Node, Barrier]] = []
        for node in plan.reached(root):
            for output in node.outputs:
                writers[output.name] = self._writer(output, node, size, rows)
            for bound, child in node.children:
                if plan.is_barrier(bound):
                    with said_of(child.where):
                        barrier = open_barrier(bound, size, bands)
                    open_barriers.callback(barrier.close)
                    ended_at.append((bound, child, barrier))
        barriers = {child: barrier for _, child, barrier in ended_at}
        Pass(source, root, bands, writers, barriers, self.clock).run(plan.threads_for(size, self.threads))
        for name, writer in writers.items():
            self.files[name] = writer.finish()
        return ended_at

    def _writer(self, output: Output, node: Node, size: Size, rows: int) -> Ordered:
        target = self.targets[output.name]
        self.sizes[output.name] = size.width, size.height
        carried = stating_space(self.carried, node.space)
        writer = open_writer(target, carried, size.width, size.height, rows, bilevel=node.bilevel)
        self.unfinished.callback(writer.close)
        return Ordered(writer)

    def _go_on(self, result: RowSource, bound: Bound, child: Node) -> None:
        """Everything behind a barrier, whose result is given: whole if the step has made it small enough."""
        if not isinstance(bound.filter.merge, Resizing) or result.width * result.height > self.limit:
            self.tree(result, child)
            return
        with contextlib.closing(result):
            image = result.read(Span(0, result.height))
        for name, data, size in outputs_of(child, image, self.targets, self.carried, self.clock, self.sized):
            file = FileBlob()
            self.unfinished.callback(file.close)
            file.append(data)
            self.sizes[name] = size
            del data  # it would be held while the next one is made
            self.files[name] = file
