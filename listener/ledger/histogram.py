"""How long the stages of many images took, in little room: a histogram for each stage, all of them one long integer.

A stage has BUCKETS cells of CELL bytes each. The first bucket is for less than LEAST, each of the others ends at GROWTH
times where it begins, and the last has everything from 52 s on. Histograms are added by adding the integers.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterable, Sequence
from itertools import accumulate

# In the order of an image's way. queue: from submission to outcome, without the work. total: from submission until the
# outputs are in their places.
STAGES = ("queue", "decode", "filter", "encode", "write", "total")
BUCKETS, GROWTH, LEAST = 128, 1.09, 0.001  # LEAST in seconds
CELL = 4  # bytes: 4 billion images
_SIZE = CELL * BUCKETS * len(STAGES)
_CELLS = struct.Struct(f"<{BUCKETS * len(STAGES)}I")
_PER_BUCKET = math.log(GROWTH)
_MIDDLES = (LEAST / 2, *(LEAST * GROWTH ** (n + 0.5) for n in range(BUCKETS - 2)), LEAST * GROWTH ** (BUCKETS - 2))

Histogram = int
EMPTY: Histogram = 0


def bucket_of(seconds: float) -> int:
    if seconds < LEAST:
        return 0
    return min(BUCKETS - 1, 1 + int(math.log(seconds / LEAST) / _PER_BUCKET))


def bounds() -> list[float]:
    """The upper bound of each bucket but the last, in seconds."""
    return [LEAST * GROWTH**n for n in range(BUCKETS - 1)]


def histogram_of(images: Iterable[Sequence[float | None]]) -> Histogram:
    """For each image, the seconds of each of STAGES. What is unknown, negative or not finite is left out: a worker may
    report anything."""
    cells = [0] * (BUCKETS * len(STAGES))
    for stages in images:
        for stage, seconds in enumerate(stages):
            if seconds is not None and 0 <= seconds < math.inf:
                cells[stage * BUCKETS + bucket_of(seconds)] += 1
    return int.from_bytes(_CELLS.pack(*cells), "little")


def packed(histogram: Histogram) -> bytes:
    return zlib.compress(histogram.to_bytes(_SIZE, "little"), 1)


def unpacked(data: bytes) -> Histogram:
    """Nothing for what packed() has not made."""
    try:
        return int.from_bytes(zlib.decompressobj().decompress(data, _SIZE), "little")
    except zlib.error:
        return EMPTY


def cells_of(histogram: Histogram) -> dict[str, list[int]]:
    """The numbers of images in the buckets of each stage."""
    cells = _CELLS.unpack(histogram.to_bytes(_SIZE, "little"))
    return {stage: list(cells[n * BUCKETS : (n + 1) * BUCKETS]) for n, stage in enumerate(STAGES)}


def mean(cells: Sequence[int]) -> float:
    """The mean seconds of the images, a few per cent off. 0 for no images."""
    total = sum(cells)
    return sum(n * middle for n, middle in zip(cells, _MIDDLES, strict=True)) / total if total else 0.0


def quantile(cells: Sequence[int], share: float) -> float:
    """The seconds within which this share of the images was done, no more than 5 % off, between 1 ms and 52 s. 0 for no
    images."""
    total = sum(cells)
    if not total:
        return 0.0
    rank = max(1, math.ceil(share * total))
    bucket = next(n for n, below in enumerate(accumulate(cells)) if below >= rank)
    if bucket == 0:
        return LEAST
    return LEAST * GROWTH ** (bucket - 1 if bucket == BUCKETS - 1 else bucket - 0.5)
