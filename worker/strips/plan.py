"""Which rows each step needs for a band of the result, and what cannot be done in strips at all. Pure arithmetic.

The rows of an image are cut into bands, and every band is computed on its own. A step of the tree needs, around the
band, what the steps after it need: halos add up along a chain, aligned steps round outward. What crosses bands by more
than rows (a histogram, an edge that wanders through the image, a change of size) is a barrier: the bands end there, and
its result is the source of a pass of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from filterfleet.common.errors import ImageError
from filterfleet.worker.filters import Bound
from filterfleet.worker.filters.merge import Hysteresis, Measured, Resampled, Rows, Whole
from filterfleet.worker.formats import Target
from filterfleet.worker.strips import resample
from filterfleet.worker.strips.span import Span
from filterfleet.worker.strips.writers import check_output
from filterfleet.worker.tree import Node

BAND_UNIT = 128  # rows: eight rows of the 16 x 16 blocks of a JPEG, after which its restart markers repeat
SHORTEST_BAND = 32  # rows: libraries compute slivers on other paths
BAND_PIXELS = 2_500_000  # about so many make a band


@dataclass(frozen=True, slots=True)
class Size:
    """In pixels."""

    width: int
    height: int


def bands(height: int, rows: int) -> tuple[Span, ...]:
    """The image cut into bands of so many rows; the last has up to SHORTEST_BAND more, or fewer."""
    tops = list(range(0, height, rows))
    if len(tops) > 1 and height - tops[-1] < SHORTEST_BAND:
        tops.pop()
    return tuple(Span(top, bottom) for top, bottom in zip(tops, [*tops[1:], height], strict=True))


def band_rows(root: Node, size: Size) -> int:
    """Rows of a band: a multiple of BAND_UNIT, high enough that halos cost little, low enough for memory."""
    middle = Span(size.height // 2, size.height // 2 + 1)
    halo = len(needed(root, middle, size))
    wanted = max(4 * halo, BAND_PIXELS // size.width)
    return max(wanted // BAND_UNIT, 1) * BAND_UNIT


def needed(node: Node, band: Span, size: Size) -> Span:
    """The rows of this node's image that a band of everything below it, up to the barriers, is computed from."""
    span = band
    for bound, child in node.children:
        span |= step_needs(bound, child, band, size)
    return span


def step_needs(bound: Bound, child: Node, band: Span, size: Size) -> Span:
    """The rows one step is given, for a band of all that follows it."""
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
    """Rows beyond a strip that Canny's gradient and the suppression of what is no ridge look at."""
    return int(bound.values.get("aperture", 3)) // 2 + 1


def resampling(bound: Bound, merge: Resampled, size: Size) -> resample.Plan:
    """How a step changes the size. Raises ImageError if strips cannot do it."""
    width, height = merge.target(size.width, size.height, **bound.values)
    try:
        return resample.plan(size.width, size.height, width, height, merge.method(**bound.values))
    except ImageError as error:
        raise ImageError(f"The filter {bound.filter.name!r} {error}") from None


def check(node: Node, size: Size, targets: Mapping[str, Target], limit: int) -> None:
    """Raise ImageError, naming the filter or the output, unless every chain below the node runs in strips.
    targets are those of the outputs, by name. limit is in pixels: what a step makes so small runs whole from
    there."""
    for output in node.outputs:
        check_output(output.name, targets[output.name].format, size.width, size.height)
    for bound, child in node.children:
        match bound.filter.merge:
            case Whole(why):
                raise ImageError(f"The filter {bound.filter.name!r} needs the whole image at once because {why}.")
            case Resampled() as merge:
                below = resampling(bound, merge, size)
                if below.width * below.height > limit:
                    check(child, Size(below.width, below.height), targets, limit)
            case Rows() | Measured() | Hysteresis():
                check(child, size, targets, limit)
