"""One image through one recipe: decode once, compute every common prefix of the chains once, encode."""

from __future__ import annotations

import functools
import os
import socket
import time
from typing import Any

from common.jobs import EXTENSION_OF_FORMAT
from common.protocol import Output, Payload
from common.recipe import SAME, Recipe, Step
from worker import codecs
from worker.filters import Image, bind, check_recipe
from worker.session import Done


@functools.lru_cache(maxsize=64)
def recipe_from(data: bytes) -> Recipe:
    """The recipe of a task, with every step checked. Raises RecipeError."""
    recipe = Recipe.from_bytes(data)
    check_recipe(recipe)
    return recipe


def process(data: Payload, recipe: Recipe) -> Done:
    """Every output of the recipe for one image file.

    The report has the image's width and height in pixels after rotation, its format, and the seconds spent
    in decode, filter and encode. Raises ImageError and RecipeError, both permanent.
    """
    begin = time.perf_counter()
    source_format = codecs.sniff(data)
    source = codecs.decode(data, source_format)
    decoded = time.perf_counter()
    filtering = 0.0
    outputs, blobs = [], []
    intermediate: dict[tuple[Step, ...], Image] = {(): source}
    for output in recipe.outputs:
        started = time.perf_counter()
        image, bilevel = _run_chain(intermediate, output.steps)
        filtering += time.perf_counter() - started
        image_format = source_format if output.encoding == SAME else output.encoding
        if image_format not in EXTENSION_OF_FORMAT:
            image_format = "png"  # what we read but do not write is kept without loss
        blob = codecs.encode(image, image_format, quality=output.quality, bilevel=bilevel)
        outputs.append(Output(output.name, image_format, len(blob)))
        blobs.append(blob)
    total = time.perf_counter() - begin
    report: dict[str, Any] = {
        "width": source.shape[1],
        "height": source.shape[0],
        "format": source_format,
        "decode": decoded - begin,
        "filter": filtering,
        "encode": total - filtering - (decoded - begin),
        "worker": f"{socket.gethostname()}/{os.getpid()}",
    }
    return Done(tuple(outputs), tuple(blobs), report)


def _run_chain(known: dict[tuple[Step, ...], Image], steps: tuple[Step, ...]) -> tuple[Image, bool]:
    """The image after these steps, and whether it is bilevel; known gains every image on the way."""
    bilevel = False
    for end in range(1, len(steps) + 1):
        found, apply = bind(steps[end - 1])
        bilevel = found.bilevel
        if steps[:end] not in known:
            known[steps[:end]] = apply(known[steps[: end - 1]])
    return known[steps], bilevel
