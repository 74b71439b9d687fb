"""One image through one recipe: decode once, compute every common prefix of the chains once, encode."""

from __future__ import annotations

import functools
import os
import socket
import time
from typing import Any

from common.blob import Blob
from common.jobs import EXTENSION_OF_FORMAT
from common.protocol import Output as Described
from common.recipe import SAME, Output, Recipe
from worker import formats
from worker.filters import Image, check_recipe
from worker.session import Done
from worker.tree import Node, grow


@functools.lru_cache(maxsize=64)
def recipe_from(data: bytes) -> Recipe:
    """The recipe of a task, with every step checked. Raises RecipeError."""
    recipe = Recipe.from_bytes(data)
    check_recipe(recipe)
    return recipe


def process(blob: Blob, recipe: Recipe) -> Done:
    """Every output of the recipe for one image file.

    The report has the image's width and height in pixels after rotation, its format, and the seconds spent
    in decode, filter and encode. Raises ImageError and RecipeError, both permanent.
    """
    began = time.perf_counter()
    header = formats.read_header(blob)
    image = formats.decode(blob, header, recipe.damaged)
    run = _Run(header.format, formats.carried(header, recipe.metadata))
    decoded = time.perf_counter()
    report: dict[str, Any] = {
        "width": image.shape[1],
        "height": image.shape[0],
        "format": header.format,
        "worker": f"{socket.gethostname()}/{os.getpid()}",
    }
    run.node(grow(recipe), image)
    ended = time.perf_counter()
    report |= {"decode": decoded - began, "filter": ended - decoded - run.encoding, "encode": run.encoding}
    done = [run.done[output.name] for output in recipe.outputs]
    return Done(tuple(described for described, _ in done), tuple(file for _, file in done), report)


class _Run:
    """Walks the tree depth first: an image is let go as soon as all that follows from it is done."""

    def __init__(self, source_format: str, carried: formats.Carried) -> None:
        self.done: dict[str, tuple[Described, bytes]] = {}
        self.encoding = 0.0  # seconds
        self._source_format = source_format
        self._carried = carried

    def node(self, node: Node, image: Image) -> None:
        for output in node.outputs:
            self._encode(output, image, bilevel=node.bilevel)
        for bound, child in node.children:
            self.node(child, bound(image))

    def _encode(self, output: Output, image: Image, *, bilevel: bool) -> None:
        began = time.perf_counter()
        image_format = self._source_format if output.encoding == SAME else output.encoding
        if image_format not in EXTENSION_OF_FORMAT:
            image_format = "png"  # what we read but do not write is kept without loss
        target = formats.Target(image_format, output.quality, output.effort)
        file = formats.encode(image, target, self._carried, bilevel=bilevel)
        self.done[output.name] = (Described(output.name, image_format, len(file)), file)
        self.encoding += time.perf_counter() - began
