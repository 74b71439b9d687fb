"""One image through one recipe: by its header whole or in strips, each common prefix of the chains once."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from filterfleet.common.blob import Blob
from filterfleet.common.jobs.job import EXTENSION_OF_FORMAT
from filterfleet.common.jobs.recipe import SAME, Output, Recipe
from filterfleet.common.process.system import host_and_pid
from filterfleet.common.wire import OutputFile
from filterfleet.worker import formats
from filterfleet.worker.admission import Way, admit
from filterfleet.worker.clock import Clock
from filterfleet.worker.filters import check_recipe
from filterfleet.worker.leases.actions import Done
from filterfleet.worker.resources import Resources, default
from filterfleet.worker.strips import obstacle, process_in_strips
from filterfleet.worker.tree import grow
from filterfleet.worker.whole import outputs_of


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
        "worker": host_and_pid(),
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
            clock = Clock()
            with clock.of("decode"):
                image = formats.decode(blob, header, recipe.damaged)
            files, seconds = dict(outputs_of(root, image, targets, carried, clock)), clock.seconds
    outputs = tuple(OutputFile(o.name, targets[o.name].format, len(files[o.name])) for o in recipe.outputs)
    return Done(outputs, tuple(files[output.name] for output in recipe.outputs), report | dict(seconds))


def _target(output: Output, source_format: str) -> formats.Target:
    image_format = source_format if output.encoding == SAME else output.encoding
    if image_format not in EXTENSION_OF_FORMAT:
        image_format = "png"  # what we read but do not write is kept without loss
    return formats.Target(image_format, output.quality, output.effort)
