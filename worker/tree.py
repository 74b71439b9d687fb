"""The chains of a recipe as one tree, so that a common beginning is computed once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from filterfleet.common.jobs.recipe import Output, Recipe, Step
from filterfleet.worker.filters import Bound, bind


@dataclass(slots=True)
class Node:
    """The image after some steps: outputs that are encoded from it, and the next steps, each with its own node."""

    outputs: list[Output] = field(default_factory=list)
    children: list[tuple[Bound, Node]] = field(default_factory=list)
    bilevel: bool = False  # every pixel is 0 or 255

    def walk(self) -> Iterator[tuple[Bound, Node]]:
        """Every step below, a step before those that follow it."""
        for bound, child in self.children:
            yield bound, child
            yield from child.walk()


def grow(recipe: Recipe) -> Node:
    """The root stands for the decoded image. Raises RecipeError."""
    root = Node()
    nodes: dict[tuple[Step, ...], Node] = {(): root}
    for output in recipe.outputs:
        for end in range(1, len(output.steps) + 1):
            chain = output.steps[:end]
            if chain not in nodes:
                bound = bind(chain[-1])
                nodes[chain] = Node(bilevel=bound.filter.bilevel)
                nodes[chain[:-1]].children.append((bound, nodes[chain]))
        nodes[output.steps].outputs.append(output)
    return root
