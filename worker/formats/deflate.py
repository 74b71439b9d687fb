"""How hard deflate tries."""

from __future__ import annotations

import zlib
from typing import Any, NamedTuple


class Level(NamedTuple):
    """zlib's level, 0 to 9, and strategy."""

    level: int
    strategy: int


# Looks only for runs of equal bytes. Edge maps consist of such runs, and photographs whose samples have been replaced
# by differences have few other repetitions: zlib's default strategy makes files of about the same size in twice the
# time.
FAST = Level(1, zlib.Z_RLE)


def level_of(effort: int | None) -> Level:
    """The level for a recipe's effort, 0 to 9; FAST for None."""
    return FAST if effort is None else Level(effort, zlib.Z_DEFAULT_STRATEGY)


def compressor(level: Level, window: int) -> Any:
    """A zlib.compressobj. window is zlib's wbits: 15 for a zlib stream, -15 for deflate without header and checksum."""
    return zlib.compressobj(level.level, zlib.DEFLATED, window, 9, level.strategy)
