"""Recipes whose texts say how a file is called: what they make of one photo differs from file to file."""

from __future__ import annotations

import random

from filterfleet.common.jobs.recipe import Output, Recipe, Step

PLAIN = Recipe((Output("out", (Step("f"),), "jpeg"),))
TEXTS = ("{folder}", "{stem}", "{name} in {folder}")  # twins of one folder share the first
SHARE = 0.4  # of the listeners, whose recipes mention names

FILTERS = ("f", "watermark_text")  # of every worker
SOURCED = "output.source_name"  # an ability that workers of an earlier version lack


def recipe_of(seed: int, listener: str) -> Recipe:
    """Its dice are its own, so that a world with plain recipes goes its way as before."""
    rng = random.Random(f"{seed}/{listener}/recipe")
    if rng.random() >= SHARE:
        return PLAIN
    step = Step("watermark_text", (("text", rng.choice(TEXTS)),))
    return Recipe((Output("out", (step,), "jpeg"),))


def written(recipe: Recipe) -> bytes:
    """What a worker writes onto a photo under a recipe that has been completed for it."""
    return "".join(f" {said}" for _, said in recipe.source).encode()
