"""Recipes that are made to hurt their reader."""

from __future__ import annotations

import msgpack

from filterfleet.common.wire.codec import RECIPE_LIMIT


def bomb(kernel: object) -> bytes:
    return msgpack.packb([[["a", [["convolve", {"kernel": kernel}]], "same", 90, None]], "strip-gps", "refuse"])


def nested(levels: int) -> object:
    core: object = 1
    for _ in range(levels):
        core = [core]
    return core


BOMBS = {
    "deep": bomb(nested(500)),
    "deeper": bomb(0)[:-20] + b"\x91" * 520,
    "wide": bomb([0] * (RECIPE_LIMIT - 200)),
    "matrix": bomb([[0] * 20] * 2700),
    "rows": bomb([[]] * 60_000),
    "not a number": bomb([[float("nan")]]),
    "many steps": msgpack.packb([[[f"o{n}", [["x", {}]] * 64, "same", 90, None] for n in range(64)], "keep", "refuse"]),
    "brackets": b"\x91" * RECIPE_LIMIT,
}
