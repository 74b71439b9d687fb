"""The chains of a recipe as one tree, so that steps which several chains begin with are computed once."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from filterfleet.common.jobs.recipe import Output, Recipe, Step
from filterfleet.worker.filters import Bound, bind
from filterfleet.worker.filters.registry import spelled_out
from filterfleet.worker.formats.spaces import colours_in
from filterfleet.worker.pixels.image import About


@dataclass(slots=True, eq=False)
class Node:
    """The image after some steps: the outputs that are encoded from it, and the next steps, each with the node of its
    result.
    """

    outputs: list[Output] = field(default_factory=list)
    children: list[tuple[Bound, Node]] = field(default_factory=list)
    bilevel: bool = False  # every pixel is 0 or 255
    space: str | None = None  # its colour space, one of worker.formats.spaces.SPACES; None: as in the file
    where: str = ""  # what made its image, for sentences: the output, the number of the step and the filter


# Width and height, in pixels, of images at nodes which follow from pixels, as those behind trim do: nobody knows them
# before the images are made.
Known = Mapping[Node, tuple[int, int]]
NOTHING_MADE: Known = {}


@functools.lru_cache(maxsize=64)
def grow(recipe: Recipe) -> Node:
    """The root of the recipe's tree, which stands for the decoded image. Nobody may change it. Raises RecipeError."""
    root = Node()
    nodes: dict[tuple[Step, ...], Node] = {(): root}
    for output in recipe.outputs:
        written = [(part, n, step) for n, step in enumerate(output.steps, 1) for part in spelled_out([step])]
        steps = tuple(part for part, _, _ in written)
        for end, (_, number, step) in enumerate(written, 1):
            chain = steps[:end]
            if chain not in nodes:
                bound = bind(chain[-1])
                before = nodes[chain[:-1]]
                bilevel = bound.filter.bilevel or (before.bilevel and bound.filter.keeps_bilevel)
                where = f"Output {output.name!r}, step {number}, filter {step.filter!r}"
                space = bound.filter.space(**bound.values) or before.space
                nodes[chain] = Node(bilevel=bilevel, space=space, where=where)
                before.children.append((bound, nodes[chain]))
        nodes[steps].outputs.append(output)
    return root


def informed(node: Node, about: Callable[[], About]) -> Node:
    """The same tree, in which each filter that wants to knows what is known of one file. about is that of the node's
    image.
    """
    return _informed(node, about()) if _asks(node) else node


def _asks(node: Node) -> bool:
    return any(bound.filter.informed or _asks(child) for bound, child in node.children)


def _informed(node: Node, about: About) -> Node:
    children = []
    for bound, child in node.children:
        space = bound.filter.space(**bound.values)
        later = about if space is None else dataclasses.replace(about, colour=colours_in(space), gray=None)
        told = dataclasses.replace(bound, about=about) if bound.filter.informed else bound
        children.append((told, _informed(child, later)))
    return dataclasses.replace(node, children=children)
