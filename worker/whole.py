"""A whole image through the chains of a recipe: each step once, and no image is held longer than it is needed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from filterfleet.worker.clock import Clock
from filterfleet.worker.filters import Bound
from filterfleet.worker.formats import Carried, Target, encode
from filterfleet.worker.pixels.image import Image
from filterfleet.worker.tree import Node


def outputs_of(
    node: Node, image: Image, targets: Mapping[str, Target], carried: Carried, clock: Clock
) -> Iterator[tuple[str, bytes]]:
    """Name and file of every output at the node, whose image is given, and below it. targets are those of the outputs,
    by name.

    Depth first. The result of a step is held by nothing but the call for the node below, so it is freed as soon as
    everything that follows from it is done, before the next step allocates its own; and nothing here holds a file that
    was taken. Raises ImageError and MemoryError.
    """
    for output in node.outputs:
        yield output.name, _encoded(image, targets[output.name], carried, clock, bilevel=node.bilevel)
    for bound, child in node.children:
        yield from outputs_of(child, _filtered(bound, image, clock), targets, carried, clock)


def _encoded(image: Image, target: Target, carried: Carried, clock: Clock, *, bilevel: bool) -> bytes:
    with clock.of("encode"):
        return encode(image, target, carried, bilevel=bilevel)


def _filtered(bound: Bound, image: Image, clock: Clock) -> Image:
    with clock.of("filter"):
        return bound(image)
