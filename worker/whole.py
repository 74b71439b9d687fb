"""A whole image through the chains of a recipe: each common beginning once, and no image longer than it is needed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from filterfleet.worker.clock import Clock
from filterfleet.worker.filters import Image
from filterfleet.worker.formats import Carried, Target, encode
from filterfleet.worker.tree import Node

WHOLE_PIXELS = 64_000_000  # of the largest image that goes whole by choice; larger ones go in strips where they can


def outputs_of(
    node: Node, image: Image, targets: Mapping[str, Target], carried: Carried, clock: Clock
) -> Iterator[tuple[str, bytes]]:
    """Name and file of every output below the node, whose image this is; targets are theirs, by name. Depth first: an
    image is let go as soon as all that follows from it is done. Raises ImageError."""
    for output in node.outputs:
        with clock.of("encode"):
            file = encode(image, targets[output.name], carried, bilevel=node.bilevel)
        yield output.name, file
    for bound, child in node.children:
        with clock.of("filter"):
            result = bound(image)
        yield from outputs_of(child, result, targets, carried, clock)
        del result
