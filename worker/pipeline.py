"""One image through one recipe: by its header whole or in strips, each common prefix of the chains once."""

from __future__ import annotations

import functools
import os
import socket
import time
from collections.abc import Mapping
from typing import Any

from common.blob import Blob
from common.jobs import EXTENSION_OF_FORMAT
from common.protocol import Output as Described
from common.recipe import SAME, Output, Recipe
from worker import formats
from worker.admission import Way, admit
from worker.filters import Image, check_recipe
from worker.resources import Resources, default
from worker.session import Done
from worker.strips import obstacle, process_in_strips
from worker.tree import Node, grow


@functools.lru_cache(maxsize=64)
def recipe_from(data: bytes) -> Recipe:
    """The recipe of a task, with every step checked. Raises RecipeError."""
    recipe = Recipe.from_bytes(data)
    check_recipe(recipe)
    return recipe


def process(blob: Blob, recipe: Recipe, resources: Resources | None = None) -> Done:
    """Every output of the recipe for one image file.

    The report has the image's width and height in pixels after rotation, its format, and the seconds spent
    in decode, filter and encode; of an image in strips they are sums over threads. Raises ImageError and
    RecipeError, both permanent, MemoryError, and OSError when there is no room for temporary files.
    """
    resources = resources or default()
    header = formats.read_header(blob)
    root = grow(recipe)
    targets = {output.name: _target(output, header.format) for output in recipe.outputs}
    admission = admit(header, root, lambda: obstacle(header, root, targets), resources.memory.total)
    carried = formats.carried(header, recipe.metadata)
    width, height = header.upright
    report: dict[str, Any] = {
        "width": width,
        "height": height,
        "format": header.format,
        "worker": f"{socket.gethostname()}/{os.getpid()}",
    }
    files: Mapping[str, Blob]
    seconds: Mapping[str, float]
    with resources.memory.hold(admission.need):
        if admission.way is Way.STRIPS:
            streamed = process_in_strips(
                blob, header, root, targets, carried=carried, damaged=recipe.damaged, threads=resources.threads
            )
            files, seconds = streamed.files, streamed.seconds
        else:
            held = time.perf_counter()
            image = formats.decode(blob, header, recipe.damaged)
            run = _Whole(targets, carried, time.perf_counter() - held)
            run.node(root, image)
            files, seconds = run.files, run.seconds
    outputs = tuple(Described(o.name, targets[o.name].format, len(files[o.name])) for o in recipe.outputs)
    return Done(outputs, tuple(files[output.name] for output in recipe.outputs), report | dict(seconds))


def _target(output: Output, source_format: str) -> formats.Target:
    image_format = source_format if output.encoding == SAME else output.encoding
    if image_format not in EXTENSION_OF_FORMAT:
        image_format = "png"  # what we read but do not write is kept without loss
    return formats.Target(image_format, output.quality, output.effort)


class _Whole:
    """Walks the tree depth first: an image is let go as soon as all that follows from it is done."""

    def __init__(self, targets: Mapping[str, formats.Target], carried: formats.Carried, decoding: float) -> None:
        self.files: dict[str, Blob] = {}
        self.seconds = {"decode": decoding, "filter": 0.0, "encode": 0.0}
        self._targets = targets
        self._carried = carried

    def node(self, node: Node, image: Image) -> None:
        began = time.perf_counter()
        for output in node.outputs:
            target = self._targets[output.name]
            self.files[output.name] = formats.encode(image, target, self._carried, bilevel=node.bilevel)
        self.seconds["encode"] += time.perf_counter() - began
        for bound, child in node.children:
            began = time.perf_counter()
            result = bound(image)
            self.seconds["filter"] += time.perf_counter() - began
            self.node(child, result)
            del result
