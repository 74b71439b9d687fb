"""A whole image through the chains of a recipe: each step once, and no image is held longer than it is needed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from filterfleet.worker.clock import Clock
from filterfleet.worker.filters import Bound
from filterfleet.worker.formats import Carried, Target, encode
from filterfleet.worker.formats.spaces import stating_space
from filterfleet.worker.naming import said_of
from filterfleet.worker.pixels.image import Image
from filterfleet.worker.tree import Node


class Made(NamedTuple):
    """The name of an output, its file, and its width and height in pixels."""

    name: str
    file: bytes
    size: tuple[int, int]


def outputs_of(
    node: Node, image: Image, targets: Mapping[str, Target], carried: Carried, clock: Clock
) -> Iterator[Made]:
    """The file of every output at the node, whose image is given, and below it. targets are those of the outputs, by
    name.

    Depth first. The result of a step is held by nothing but the call for the node below, so it is freed as soon as
    everything that follows from it is done, before the next step allocates its own; and nothing here holds a file that
    was taken. Raises ImageError and MemoryError.
    """
    for output in node.outputs:
        stated = stating_space(carried, node.space)
        yield _made(output.name, image, targets[output.name], stated, clock, bilevel=node.bilevel)
    for bound, child in node.children:
        yield from outputs_of(child, _filtered(bound, image, clock, child.where), targets, carried, clock)


def _made(name: str, image: Image, target: Target, carried: Carried, clock: Clock, *, bilevel: bool) -> Made:
    with clock.of("encode", name), said_of(f"Output {name!r}"):
        return Made(name, encode(image, target, carried, bilevel=bilevel), (image.shape[1], image.shape[0]))


def _filtered(bound: Bound, image: Image, clock: Clock, where: str) -> Image:
    with clock.of("filter", where), said_of(where):
        return bound(image)
