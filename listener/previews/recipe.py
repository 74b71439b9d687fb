"""A recipe that makes previews as well. The job, its id and the ledger know nothing of them."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

from filterfleet.common.jobs.output_options import ALWAYS, Options, When
from filterfleet.common.jobs.recipe import MAX_OUTPUTS, MAX_STEPS, Output, Recipe, Step
from filterfleet.common.wire.codec import RECIPE_LIMIT

BEFORE = ""  # the name of the preview of the image itself; those of outputs have the names of these

SIDE = 512  # pixels of a preview's longer side, at most
QUALITY = 80  # of its JPEG

# Outputs of which previews are made, the first ones of a recipe. More: all of a long recipe can be looked at. Less:
# workers spend less on pictures that nobody may ever see.
MOST = 6

_SHRINK = Step("thumbnail", (("height", SIDE), ("width", SIDE)))


@dataclass(frozen=True, slots=True)
class Extended:
    """recipe has the previews behind the outputs of the recipe that it was made of; names are those of the previews,
    in their order. BEFORE may be there more than once: all of these are the same picture, or empty."""

    recipe: Recipe
    names: tuple[str, ...]


def sendable(recipe: Recipe) -> Extended:
    """with_previews(), of as many outputs as leave the recipe small enough to be sent: the steps of an output, with
    their pictures, are in it twice."""
    tried = (with_previews(recipe, most) for most in range(MOST, -1, -1))
    return next((found for found in tried if found.recipe.size <= RECIPE_LIMIT), Extended(recipe, ()))


def with_previews(recipe: Recipe, most: int = MOST) -> Extended:
    """Previews of the image and of its first outputs, `most` of them, as far as a recipe has room.

    An image has none of an output that it does not get, whose steps need not be for it; and none at all if it gets no
    output, since it is not decoded then. So where every output has a condition, the image's own preview has each of
    these conditions once.
    """
    of_outputs = [(output.name, output.steps, output.options.when) for output in recipe.outputs]
    conditions = dict.fromkeys(when for _, _, when in of_outputs[:MOST])
    of_image = [(BEFORE, (), when) for when in ([ALWAYS] if ALWAYS in conditions else conditions)]
    room = min(most + len(of_image), MAX_OUTPUTS - len(recipe.outputs))
    wanted: list[tuple[str, tuple[Step, ...], When]] = [*of_image, *of_outputs]
    shown = [each for each in wanted if len(each[1]) < MAX_STEPS][:room]
    free = (name for name in (f"preview-{number}" for number in itertools.count()) if name not in recipe.names)
    previews = [
        Output(next(free), (*steps, _SHRINK), "jpeg", QUALITY, options=Options(when=when)) for _, steps, when in shown
    ]
    return Extended(replace(recipe, outputs=(*recipe.outputs, *previews)), tuple(name for name, _, _ in shown))
