"""How long filters take: measured here and now, with the values that are given, on a made-up photograph.

A step that would take long is tried on a part of it, and its time is multiplied: what filters do costs in proportion to
the pixels.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import numpy as np

from filterfleet.common.errors import FilterError, ImageError
from filterfleet.common.jobs.recipe import Output, Recipe, Step
from filterfleet.common.text import one_line
from filterfleet.worker.filters import Bound, bind
from filterfleet.worker.filters.merge import Resizing
from filterfleet.worker.filters.registry import spelled_out
from filterfleet.worker.pixels.image import Image
from filterfleet.worker.pixels.opencv import cv2

MEGAPIXELS = 12
_ROWS, _COLUMNS, _PART = 3072, 4096, 256  # of the photograph, and of its part

# Seconds up to which a step is measured on the whole photograph, and those for all steps of a recipe. More measures
# more of them exactly; less answers sooner.
_PATIENCE = 0.5
_PATIENCE_FOR_ALL = 10.0


def photograph() -> Image:
    """Rows x columns x 3, uint8: shapes of all sizes under some noise."""
    dice = np.random.default_rng(1)
    shapes = cv2.resize(dice.integers(0, 256, (_PART // 8, _PART // 8, 3), np.uint8), (_PART, _PART))
    part = np.clip(shapes + dice.normal(0, 4, shapes.shape), 0, 255).astype(np.uint8)
    return np.tile(part, (_ROWS // _PART, _COLUMNS // _PART, 1))


def seconds(step: Step, image: Image, patience: float = _PATIENCE) -> tuple[float, Image]:
    """The processor time that a step takes for the image, in seconds, and what comes out; the image itself when that
    would take longer than patience. What changes the size is done anyway while there is patience: its time does not
    grow with the image, and the next steps get what it makes. Raises ImageError and FilterError."""
    work = bind(step)
    if patience > 0 and any(isinstance(bind(each).filter.merge, Resizing) for each in spelled_out([step])):
        return _timed(work, image)
    part, scale = image[:_PART, :_PART], image.shape[0] * image.shape[1] / _PART**2
    spent, _ = _timed(work, part)  # the first call of a filter may have something to load
    spent, _ = _timed(work, part)
    if scale <= 1 or spent * scale > patience:
        return spent * max(1.0, scale), image
    return _timed(work, image)


def steps_of(recipe: Recipe) -> Iterator[tuple[str, float]]:
    """Where each step of a recipe stands, and its seconds. What several outputs begin with is done once."""
    return _below(recipe.outputs, 0, [photograph()], [_PATIENCE_FOR_ALL])


def _below(outputs: Sequence[Output], depth: int, image: list[Image], left: list[float]) -> Iterator[tuple[str, float]]:
    """For outputs that begin with the same steps, as many as depth, whose result is the one image. It is given up when
    nothing else needs it. left are the seconds that remain for whole photographs.
    """
    ways: dict[Step, list[Output]] = {}
    for output in outputs:
        if depth < len(output.steps):
            ways.setdefault(output.steps[depth], []).append(output)
    for number, (step, others) in enumerate(ways.items(), 1):
        before, began = image[0] if number < len(ways) else image.pop(), time.process_time()
        spent, made = seconds(step, before, min(_PATIENCE, left[0]))
        left[0] -= time.process_time() - began
        yield f"output {others[0].name!r}, step {depth + 1}, {step.filter!r}", spent
        after = [made]
        del before, made
        yield from _below(others, depth + 1, after, left)


def told(recipe: Recipe) -> str:
    """The time of a recipe's filters, as a line for people."""
    try:
        found = list(steps_of(recipe))
    except (ImageError, FilterError) as error:
        return f"time: not known, because a made-up photograph cannot be taken: {error}"
    except Exception as error:  # noqa: BLE001 - a filter of a plugin may raise anything, and memory may be short
        where = "".join(f" {note}" for note in getattr(error, "__notes__", ())[:1])
        return f"time: not known, because a step fails{where}: {one_line(f'{type(error).__name__}: {error}', 200)}"
    total = sum(spent for _, spent in found)
    line = f"time: the filters take about {total:.2g} s of one processor for {MEGAPIXELS} megapixels here"
    place, most = max(found, key=lambda one: one[1], default=("", 0.0))
    return f"{line}, {most:.2g} s of it {place}" if len(found) > 1 and most > total / 2 else line


def _timed(work: Bound, image: Image) -> tuple[float, Image]:
    began = time.process_time()
    made = work(image)
    return time.process_time() - began, made
