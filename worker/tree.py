"""The chains of a recipe as one tree, so that steps which several chains begin with are computed once."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field

from filterfleet.common.jobs.recipe import Output, Recipe, Step
from filterfleet.worker.filters import Bound, bind
from filterfleet.worker.filters.registry import spelled_out


@dataclass(slots=True, eq=False)
class Node:
    """The image after some steps: the outputs that are encoded from it, and the next steps, each with the node of its
    result.
    """

    outputs: list[Output] = field(default_factory=list)
    children: list[tuple[Bound, Node]] = field(default_factory=list)
    bilevel: bool = False  # every pixel is 0 or 255
    where: str = ""  # what made its image, for sentences: the output, the number of the step and the filter


@functools.lru_cache(maxsize=64)
def grow(recipe: Recipe) -> Node:
    """The root of the recipe's tree, which stands for the decoded image. Nobody may change it. Raises RecipeError."""
    root = Node()
    nodes: dict[tuple[Step, ...], Node] = {(): root}
    for output in recipe.outputs:
        steps = tuple(spelled_out(output.steps))
        for end in range(1, len(steps) + 1):
            chain = steps[:end]
            if chain not in nodes:
                bound = bind(chain[-1])
                before = nodes[chain[:-1]]
                bilevel = bound.filter.bilevel or (before.bilevel and bound.filter.keeps_bilevel)
                where = f"Output {output.name!r}, step {end}, filter {bound.filter.name!r}"
                nodes[chain] = Node(bilevel=bilevel, where=where)
                before.children.append((bound, nodes[chain]))
        nodes[steps].outputs.append(output)
    return root
