"""One image through one recipe, whole or in strips."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from filterfleet.common.blob import Blob, checksum, stowed
from filterfleet.common.jobs.job import EXTENSION_OF_FORMAT
from filterfleet.common.jobs.recipe import SAME, Output, Recipe
from filterfleet.common.logs import get_logger
from filterfleet.common.process.system import VERSION, host_and_pid
from filterfleet.common.wire import OutputFile
from filterfleet.common.wire.messages import INLINE_LIMIT
from filterfleet.worker import formats
from filterfleet.worker.admission import Way, admit
from filterfleet.worker.clock import Clock
from filterfleet.worker.done import Done, close_files
from filterfleet.worker.filters import check_recipe
from filterfleet.worker.needs import whole_need
from filterfleet.worker.resources import Resources, default
from filterfleet.worker.sizes import check_sizes
from filterfleet.worker.strips import Cost, cheapest, obstacle, process_in_strips
from filterfleet.worker.tree import Node, grow
from filterfleet.worker.whole import outputs_of

log = get_logger("worker")


@functools.lru_cache(maxsize=64)
def recipe_from(data: bytes) -> Recipe:
    """The recipe of a task, with every step checked. Raises RecipeError."""
    recipe = Recipe.from_bytes(data)
    check_recipe(recipe)
    return recipe


def process(blob: Blob, recipe: Recipe, resources: Resources | None = None) -> Done:
    """Every output of the recipe for one image file. The caller closes the result; the blob stays the caller's.

    The report has the image's width and height in pixels after rotation, its format, the worker (host/pid) and its
    version, and the seconds spent in decode, filter and encode; for an image in strips they are summed over threads.
    sums are the CRC-32 of the outputs, for whoever keeps them. It has notes where something of the file was left out.
    Raises ImageError and RecipeError, both permanent, MemoryError, and OSError when there is no room for temporary
    files.
    """
    resources = resources or default()
    header = formats.read_header(blob)
    root = grow(recipe)
    targets = {output.name: _target(output, header.format) for output in recipe.outputs}
    check_sizes(root, *header.upright, targets)
    total = resources.memory.total
    cost = functools.cache(lambda: cheapest(header, root, targets, resources.threads, total))
    need = whole_need(header, len(blob), root, targets)
    admission = admit(header, need, lambda: obstacle(header, root, targets), lambda: cost().need, total)
    with resources.memory.hold(admission.need):
        if admission.way is Way.STRIPS:
            files, seconds = _in_strips(blob, header, root, targets, recipe, cost())
        else:
            files, seconds = _whole(blob, header, root, targets, recipe)
    outputs = tuple(OutputFile(o.name, targets[o.name].format, len(files[o.name])) for o in recipe.outputs)
    width, height = header.upright
    report: dict[str, Any] = {
        "width": width,
        "height": height,
        "format": header.format,
        "worker": host_and_pid(),
        "version": VERSION,
        "sums": [checksum(files[output.name]) for output in recipe.outputs],
    }
    if header.notes:
        report["notes"] = " ".join(header.notes)
        log.info("a file was not kept in full", notes=report["notes"], outputs=[output.name for output in outputs])
    return Done(outputs, tuple(files[output.name] for output in recipe.outputs), report | dict(seconds))


def _whole(
    blob: Blob, header: formats.Header, root: Node, targets: Mapping[str, formats.Target], recipe: Recipe
) -> tuple[Mapping[str, Blob], Mapping[str, float]]:
    """Files of the outputs by name, and seconds by kind of work. A large output goes to disk as soon as it is made, so
    that outputs never wait for each other in memory.
    """
    clock = Clock()
    with clock.of("decode"):
        image = formats.decode(blob, header, recipe.damaged)
    carried = formats.carried(header, recipe.metadata)
    files: dict[str, Blob] = {}
    try:
        for name, file in outputs_of(root, image, targets, carried, clock):
            files[name] = stowed(file, INLINE_LIMIT)
            del file  # it would be held while the next one is made
    except BaseException:
        close_files(files.values())
        raise
    return files, clock.seconds


def _in_strips(
    blob: Blob,
    header: formats.Header,
    root: Node,
    targets: Mapping[str, formats.Target],
    recipe: Recipe,
    cost: Cost,
) -> tuple[Mapping[str, Blob], Mapping[str, float]]:
    """As _whole."""
    carried = formats.carried(header, recipe.metadata)
    streamed = process_in_strips(
        blob,
        header,
        root,
        targets,
        carried=carried,
        damaged=recipe.damaged,
        threads=cost.threads,
        limit=cost.limit,
    )
    return streamed.files, streamed.seconds


def _target(output: Output, source_format: str) -> formats.Target:
    image_format = source_format if output.encoding == SAME else output.encoding
    if image_format not in EXTENSION_OF_FORMAT:
        image_format = "png"  # a format that is only read is stored without loss
    return formats.Target(image_format, output.quality, output.effort)
