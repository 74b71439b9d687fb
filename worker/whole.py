"""A whole image through the chains of a recipe: each step once, and no image is held longer than it is needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from filterfleet.worker.clock import Clock
from filterfleet.worker.filters import Bound
from filterfleet.worker.filters.merge import is_measured
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


# Told each step, the node of its result, and the width and height of that in pixels, before anything is made of it. It
# raises what ends the work on the image.
Sized = Callable[[Bound, Node, int, int], None]


class Outgrown(Exception):  # noqa: N818 - an outcome, not a fault
    """The image takes more memory than was set aside for it: it has to begin anew, with what is known now."""


def noting(known: dict[Node, tuple[int, int]], need: Callable[[], int], held: int) -> Sized:
    """Adds to what is known, and raises Outgrown if the image then needs more bytes than are held, or what need
    raises.
    """

    def sized(bound: Bound, node: Node, width: int, height: int) -> None:
        if node not in known and is_measured(bound.filter.merge):
            known[node] = width, height
            if need() > held:
                raise Outgrown

    return sized


def accepted(_bound: Bound, _node: Node, _width: int, _height: int) -> None:
    """Lets every size pass."""


def outputs_of(
    node: Node,
    image: Image,
    targets: Mapping[str, Target],
    carried: Carried,
    clock: Clock,
    sized: Sized = accepted,
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
        yield from outputs_of(child, _filtered(bound, image, clock, child, sized), targets, carried, clock, sized)


def _made(name: str, image: Image, target: Target, carried: Carried, clock: Clock, *, bilevel: bool) -> Made:
    with clock.of("encode", name), said_of(f"Output {name!r}"):
        return Made(name, encode(image, target, carried, bilevel=bilevel), (image.shape[1], image.shape[0]))


def _filtered(bound: Bound, image: Image, clock: Clock, child: Node, sized: Sized) -> Image:
    with clock.of("filter", child.where), said_of(child.where):
        result = bound(image)
    sized(bound, child, result.shape[1], result.shape[0])
    return result
