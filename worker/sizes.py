"""The size of each output, which follows from the header and the recipe before anything is decoded."""

from __future__ import annotations

from collections.abc import Mapping

from filterfleet.worker.filters.merge import Gathered, Moved, Resampled, Whole
from filterfleet.worker.formats import Target
from filterfleet.worker.formats.sides import check_sides
from filterfleet.worker.naming import said_of
from filterfleet.worker.tree import NOTHING_MADE, Known, Node


def check_sizes(
    node: Node, width: int, height: int, targets: Mapping[str, Target], known: Known = NOTHING_MADE
) -> None:
    """Raises ImageError, naming the output, if a format cannot hold the image that a chain makes; or if a step makes it
    too large. width and height are those of the node's image. targets are those of the outputs, by name.

    What follows a step whose result has a size that nobody knows yet is not checked, nor is what follows a filter of a
    plugin that needs the whole image: it may change the size as it likes.
    """
    for output in node.outputs:
        check_sides(output.name, targets[output.name].format, width, height)
    for bound, child in node.children:
        match bound.filter.merge:
            case _ if child in known:
                check_sizes(child, *known[child], targets, known)
            case Gathered(certain=False) as merge:
                with said_of(child.where):
                    merge.target(width, height, **bound.values)
            case Resampled() | Moved() | Gathered() as merge:
                with said_of(child.where):
                    size = merge.target(width, height, **bound.values)
                check_sizes(child, *size, targets, known)
            case Whole(keeps_size=False):
                pass
            case _:
                check_sizes(child, width, height, targets, known)
