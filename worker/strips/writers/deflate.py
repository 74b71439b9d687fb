"""How hard deflate tries."""

from __future__ import annotations

import zlib
from typing import Any, NamedTuple


class Level(NamedTuple):
    """zlib's level, 0 to 9, and strategy."""

    level: int
    strategy: int


def level_of(effort: int | None) -> Level:
    """By a recipe's effort, 0 to 9. By default runs of equal bytes and no other repetitions are looked for: after a
    filter that leaves differences, photographs hold no others worth their time."""
    return Level(1, zlib.Z_RLE) if effort is None else Level(effort, zlib.Z_DEFAULT_STRATEGY)


def compressor(level: Level, window: int) -> Any:
    return zlib.compressobj(level.level, zlib.DEFLATED, window, 9, level.strategy)
