"""Which rows each step needs for a band of the result, and what strips cannot do at all. Pure arithmetic.

The rows of an image are cut into bands, and every band is computed on its own. Around the band, a step of the tree
needs the rows that the steps after it need: halos add up along a chain, and aligned steps round outward. A step whose
result depends on more than nearby rows (on a histogram, on an edge that wanders through the image, on a change of size)
is a barrier: the bands end there, and its result is the source of another pass.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from filterfleet.common.errors import ImageError
from filterfleet.worker.filters import Bound
from filterfleet.worker.filters.merge import (
    Gathered,
    Hysteresis,
    Measured,
    Moved,
    Resampled,
    Rows,
    Whole,
    is_measured,
)
from filterfleet.worker.formats import Target
from filterfleet.worker.formats.limits import LONGEST_WRITTEN
from filterfleet.worker.naming import said_of
from filterfleet.worker.strips import resample
from filterfleet.worker.strips.span import Span
from filterfleet.worker.strips.writers import check_output
from filterfleet.worker.tree import NOTHING_MADE, Known, Node

# A band has a multiple of this many rows: eight rows of the 16 x 16 blocks of a JPEG, after which its restart markers
# repeat. Half of it would break JPEGs; twice as much makes bands of wide images larger than memory should hold.
BAND_UNIT = 128

# The least rows of a band, since libraries compute slivers by other code, with other pixels. A larger value changes
# nothing; a smaller one breaks the promise that strips equal the whole.
SHORTEST_BAND = 32

# Bands of an image that is too wide for a JPEG have a multiple of this many rows. A larger value takes more memory;
# with a smaller one, Canny and blurs compute more rows twice.
WIDE_UNIT = 16

# About how many pixels a band has. A larger value takes more memory on each thread; with a smaller one, more rows are
# computed twice, in the halos of two bands.
BAND_PIXELS = 2_500_000

# A band has at least this many times the rows of the halos around it. A larger value takes more memory with large
# blurs; with a smaller one, they compute more rows twice.
BAND_PER_HALO = 4

# A row of a smaller image is the mean of many rows. A band has at least one in this many of those that it looks at
# beyond itself for that. A larger value takes less memory where an image is wide; rows are then copied from band to
# band more often.
REACH_PER_BAND = 4


@dataclass(frozen=True, slots=True)
class Size:
    """In pixels."""

    width: int
    height: int


def bands(height: int, rows: int) -> tuple[Span, ...]:
    """An image of this height cut into bands of rows each. The last band has fewer, or up to SHORTEST_BAND more."""
    shortest = min(SHORTEST_BAND, rows)
    tops = list(range(0, height, rows))
    if len(tops) > 1 and height - tops[-1] < shortest:
        tops.pop()
    return tuple(Span(top, bottom) for top, bottom in zip(tops, [*tops[1:], height], strict=True))


def band_rows(root: Node, size: Size) -> int:
    """Rows of a band, high enough that halos cost little, low enough for memory: a multiple of BAND_UNIT, or of
    WIDE_UNIT where an image is too wide for a JPEG.
    """
    looked_at = len(reach(root, size))
    wanted = max(BAND_PER_HALO * _rows_for_one(root), looked_at // REACH_PER_BAND, BAND_PIXELS // size.width)
    unit = BAND_UNIT if size.width <= LONGEST_WRITTEN["jpeg"] else WIDE_UNIT
    return max(wanted // unit, 1) * unit


def tallest(root: Node, size: Size) -> int:
    """The most rows of the root's image that a band of everything below it may need, up to the barriers."""
    rows = band_rows(root, size)
    rest = size.height % rows
    last = rest if rest < min(SHORTEST_BAND, rows) else 0  # rows that the last band has besides
    return min(rows + last + len(reach(root, size)), size.height)


def threads_for(size: Size, threads: int) -> int:
    """How many of the threads work on the image: one, where it is too wide for a JPEG, because each would hold bands
    and rows of some 100 MB.
    """
    return threads if size.width <= LONGEST_WRITTEN["jpeg"] else 1


def is_barrier(bound: Bound) -> bool:
    """Whether a pass ends at this step."""
    return not isinstance(bound.filter.merge, Rows)


def reached(node: Node) -> Iterator[Node]:
    """The node and all nodes below it that one pass computes: those before a barrier."""
    yield node
    for bound, child in node.children:
        if not is_barrier(bound):
            yield from reached(child)


def needed(node: Node, band: Span, size: Size) -> Span:
    """The rows of this node's image from which a band of everything below it, up to the barriers, is computed."""
    span = band
    for bound, child in node.children:
        span |= step_needs(bound, child, band, size)
    return span


def reach(node: Node, size: Size) -> Span:
    """How far beyond a band everything below the node looks at most, up to the barriers: as needed() for a band at 0
    that has no rows of its own.
    """
    span = Span(0, 0)
    for bound, child in node.children:
        match bound.filter.merge:
            case Rows() as merge:
                span |= reach(child, size).widened(merge.halo(**bound.values) + merge.align(**bound.values) - 1)
            case Hysteresis():
                span |= Span(0, 0).widened(hysteresis_halo(bound))
            case Resampled() as merge:
                span |= Span(0, resampling(bound, merge, size).reach)
    return span


def _rows_for_one(node: Node) -> int:
    """Rows that are computed for one row of everything below the node, up to the barriers."""
    most = 1
    for bound, child in node.children:
        match bound.filter.merge:
            case Rows() as merge:
                unit = merge.align(**bound.values)
                rows = _rows_for_one(child) + 2 * merge.halo(**bound.values)
                most = max(most, -(-rows // unit) * unit)
            case Hysteresis():
                most = max(most, 1 + 2 * hysteresis_halo(bound))
    return most


def step_needs(bound: Bound, child: Node, band: Span, size: Size) -> Span:
    """The rows that one step gets, for a band of everything that follows it. child is the node of its result."""
    match bound.filter.merge:
        case Rows() as merge:
            span = needed(child, band, size).widened(merge.halo(**bound.values))
            return span.aligned(merge.align(**bound.values)).clipped(size.height)
        case Hysteresis():
            return band.widened(hysteresis_halo(bound)).clipped(size.height)
        case Resampled() as merge:
            return resampling(bound, merge, size).needs(band)
        case _:
            return band


def hysteresis_halo(bound: Bound) -> int:
    """Rows beyond a band at which Canny's gradient and its non-maximum suppression look."""
    return int(bound.values.get("aperture", 3)) // 2 + 1


def resampling(bound: Bound, merge: Resampled, size: Size) -> resample.Plan:
    """How a step changes the size. Raises ImageError if strips cannot do it."""
    width, height = merge.target(size.width, size.height, **bound.values)
    part = merge.part(size.width, size.height, **bound.values)
    try:
        return resample.plan(size.width, size.height, width, height, merge.method(**bound.values), part)
    except ImageError as error:
        raise ImageError(f"The filter {bound.filter.name!r} {error}") from None


def is_uncertain(bound: Bound, child: Node, known: Known) -> bool:
    """Whether nobody knows yet how large the step's result is."""
    return is_measured(bound.filter.merge) and child not in known


def check(
    node: Node,
    size: Size,
    targets: Mapping[str, Target],
    limit: int,
    known: Known = NOTHING_MADE,
    *,
    hopeful: bool = False,
) -> None:
    """Raises ImageError, naming output and step, unless every chain below the node runs in strips.

    targets are those of the outputs, by name. What a step makes as small as limit, in pixels, runs whole from there,
    and is not checked further. A result whose size is not known counts as the largest that it can be; or, hopeful, as
    one that goes on whole.
    """
    for output in node.outputs:
        check_output(output.name, targets[output.name], size.width, size.height)
    for bound, child in node.children:
        with said_of(child.where):
            match bound.filter.merge:
                case Whole(why=why):
                    raise ImageError(f"The filter {bound.filter.name!r} needs the whole image at once, because {why}.")
                case Resampled() as merge:
                    below = resampling(bound, merge, size)
                    if below.width * below.height > limit:
                        check(child, Size(below.width, below.height), targets, limit, known, hopeful=hopeful)
                case Moved() | Gathered() as merge:
                    width, height = merge.target(size.width, size.height, **bound.values)
                    width, height = known.get(child, (width, height))
                    if width * height > limit and not (hopeful and is_uncertain(bound, child, known)):
                        check(child, Size(width, height), targets, limit, known, hopeful=hopeful)
                case Rows() | Measured() | Hysteresis():
                    check(child, size, targets, limit, known, hopeful=hopeful)
