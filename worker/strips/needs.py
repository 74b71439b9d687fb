"""How much memory an image in strips takes, in bytes at the worst moment: bands on all threads, and what waits between
passes. The same arithmetic as for whole images (worker.needs), on the pixels of a band.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, replace

from filterfleet.common.errors import ImageError
from filterfleet.worker.filters import Bound
from filterfleet.worker.filters.merge import Gathered, Hysteresis, Moved, Resampled, Resizing
from filterfleet.worker.formats import Header, Target
from filterfleet.worker.needs import DECODER_ROWS, Pixels, as_known, decoded, encoding, step, waiting, worst
from filterfleet.worker.settings import STRIPS_NEED, WHOLE_PIXELS
from filterfleet.worker.strips import plan
from filterfleet.worker.strips.plan import Size
from filterfleet.worker.strips.resample import PIECE
from filterfleet.worker.strips.upright import rows_at_once
from filterfleet.worker.tree import NOTHING_MADE, Known, Node

# What malloc keeps between the blocks of bands, and tables of libraries, in bytes. A larger value lets fewer images run
# at once; with a smaller one, they take more than was set aside.
_SLACK = 32 << 20

_TRACING = 16  # bytes that Canny takes for each pixel of a band, the labels of connected pixels included
_BORDER = 3  # bytes that it keeps for each pixel of the first and last rows of bands, of which a third may be edges


@dataclass(frozen=True, slots=True)
class Cost:
    """need is in bytes. An image that a step has made as small as limit, in pixels, goes on whole."""

    need: int
    threads: int
    limit: int


def cheapest(
    header: Header,
    root: Node,
    targets: Mapping[str, Target],
    threads: int,
    memory: int,
    known: Known = NOTHING_MADE,
) -> Cost:
    """With as many of the threads as fit into memory, in bytes; the least of all costs if nothing fits. The recipe must
    be able to run in strips (plan.check).
    """
    costs = [
        Cost(need(header, root, targets, count, limit, known), count, limit)
        for limit in _limits(header, root, targets, known)
        for count in range(threads, 0, -1)
    ]
    fitting = (cost for cost in costs if cost.need <= max(memory, STRIPS_NEED))
    return next(fitting, min(costs, key=lambda cost: cost.need))


def _limits(header: Header, root: Node, targets: Mapping[str, Target], known: Known) -> tuple[int, ...]:
    """What is small goes whole, which is faster, or stays in strips, which takes less memory."""
    try:
        plan.check(root, Size(*header.upright), targets, 0, known)
    except ImageError:
        return (WHOLE_PIXELS,)
    return WHOLE_PIXELS, 0


def need(
    header: Header, root: Node, targets: Mapping[str, Target], threads: int, limit: int, known: Known = NOTHING_MADE
) -> int:
    """Bytes that an image takes which goes on whole when it is as small as limit, in pixels. What follows a step of
    which nobody knows how large its result is, and cannot follow from the largest one, is left out.
    """
    image = decoded(header)
    row = header.width * image.bands * image.depth
    turned = 3 * rows_at_once(header.width) * row if header.orientation > 2 else 0
    held = _SLACK + header.decoding + min(DECODER_ROWS, header.height) * row
    passes = _passes(root, image, targets, threads, limit, known)
    return max(held + _waiting(root, image, targets, known) + max(turned, passes), STRIPS_NEED)


def _passes(root: Node, image: Pixels, targets: Mapping[str, Target], threads: int, limit: int, known: Known) -> int:
    """One pass over the image, and those that follow from its barriers."""
    size = Size(image.width, image.height)
    rows = plan.band_rows(root, size)
    band = replace(image, height=plan.tallest(root, size))
    first = band.size + plan.threads_for(size, threads) * (band.size + _band(root, band, image, targets))
    kept, later = 0, 0
    for bound, child in _barriers(root):
        result = as_known(step(bound, image)[0], child, known)
        if isinstance(bound.filter.merge, Hysteresis):
            count = -(-image.height // rows)
            kept += 2 * count * image.width * _BORDER + 2 * rows * image.width
        merge = bound.filter.merge
        if isinstance(merge, Resizing) and result.count <= limit:
            later = max(later, result.size + worst(child, result, targets, known))
            continue
        if not plan.is_uncertain(bound, child, known):
            later = max(later, _passes(child, result, targets, threads, limit, known))
            continue
        with contextlib.suppress(ImageError):
            later = max(later, _passes(child, result, targets, threads, limit, known))
        # It may come out small enough to go on whole.
        later = max(later, (result.size + worst(child, result, targets, known)) * limit // result.count)
    return kept + max(first, later)


def _waiting(node: Node, image: Pixels, targets: Mapping[str, Target], known: Known) -> int:
    """Bytes that outputs at the node and below keep from band to band."""
    total = sum(waiting(targets[output.name], image) for output in node.outputs)
    for bound, child in node.children:
        result = as_known(step(bound, image)[0], child, known)
        with contextlib.suppress(*([ImageError] if plan.is_uncertain(bound, child, known) else [])):
            total += _waiting(child, result, targets, known)
    return total


def _barriers(node: Node) -> list[tuple[Bound, Node]]:
    """The steps at which a pass that begins at the node ends."""
    return [
        (bound, child) for reached in plan.reached(node) for bound, child in reached.children if plan.is_barrier(bound)
    ]


def _band(node: Node, band: Pixels, image: Pixels, targets: Mapping[str, Target]) -> int:
    """Bytes that one thread takes for a band of the node's image, besides its rows. image is all of it."""
    most = 0
    for output in node.outputs:
        most = max(most, encoding(targets[output.name], band, bilevel=node.bilevel))
    for bound, child in node.children:
        match bound.filter.merge:
            case Hysteresis():
                most = max(most, step(bound, band)[1] + _TRACING * band.count)
            case Resampled() as merge:
                width, height = merge.target(image.width, image.height, **bound.values)
                means = 8 * width * band.height * band.bands
                floats = 4 * band.width * min(PIECE, band.height) * band.bands
                made = replace(band, width=width, height=-(-band.height * height // image.height) + 1)
                weighed = 12 * band.count + 3 * means if band.alpha else 0
                most = max(most, means + floats + made.size + weighed)
            case Moved() | Gathered() as merge:
                width, _ = merge.target(image.width, image.height, **bound.values)
                most = max(most, 2 * replace(band, width=width).size)
            case _:
                result, work = step(bound, band)
                most = max(most, work + result.size, result.size + _band(child, result, image, targets))
    return most
