"""Canny's hysteresis in strips, exactly: an edge counts if it touches a strong one, however far away.

In each strip the weak pixels (those above the low threshold that are ridges of the gradient) fall into 8-connected
components. One that holds a strong pixel is kept, one that neither does nor touches the strip's first or last row is
none; what is left is decided when all strips are known, by joining components across the borders (union-find). The two
bit maps of a strip, kept and undecided, wait deflated in a temporary file.
"""

from __future__ import annotations

import bisect
import itertools
import threading
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from filterfleet.common.blob import FileBlob
from filterfleet.worker.filters import Image
from filterfleet.worker.pixels.opencv import cv2
from filterfleet.worker.strips.span import Span

_STRONG = -1  # the root of all components that are kept
_REMEMBERED = 8  # strips, packed: halos read their neighbours again

Labels = NDArray[np.int32]
Bits = NDArray[np.uint8]  # (rows, width), packed along the rows


@dataclass(frozen=True, slots=True)
class Edge:
    """The weak pixels of a strip's first or last row: their columns, ascending, and their components."""

    columns: NDArray[np.intp]
    labels: Labels


@dataclass(frozen=True, slots=True)
class Border:
    """Where a strip touches its neighbours; is_strong says of each label whether its component is kept."""

    top: Edge
    bottom: Edge
    is_strong: NDArray[np.bool_]


def analyse(weak: Image, strong: Image) -> tuple[Border, Bits, Bits]:
    """The strip's border, its pixels that are kept, and those that are undecided. weak and strong: (rows, width), 255
    where a pixel is above the low and the high threshold, else 0."""
    count, labels = cv2.connectedComponents(weak, connectivity=8, ltype=cv2.CV_32S)
    positions = _places(weak)
    components = labels.ravel()[positions]
    is_strong = np.zeros(count, np.bool_)
    is_strong[components[strong.ravel()[positions] != 0]] = True
    is_open = np.zeros(count, np.bool_)
    is_open[labels[0]] = is_open[labels[-1]] = True
    is_open &= ~is_strong
    kept, undecided = (_bits(positions[chosen[components]], weak.shape) for chosen in (is_strong, is_open))
    return Border(_edge(labels[0]), _edge(labels[-1]), is_strong), kept, undecided


def _edge(row: Labels) -> Edge:
    columns = np.flatnonzero(row)
    return Edge(columns, row[columns])


def _places(pixels: Image) -> NDArray[np.intp]:
    """Where pixels of 0 and any odd value are not 0. numpy looks four times faster for truth than for numbers."""
    return np.flatnonzero((pixels & 1).view(np.bool_))


def _bits(positions: NDArray[np.intp], shape: tuple[int, ...]) -> Bits:
    pixels = np.zeros(shape, np.bool_)
    pixels.ravel()[positions] = True
    return np.packbits(pixels, axis=1)


def promoted(borders: Sequence[Border]) -> list[set[int]]:
    """For each strip, from the top, the labels of undecided components that a neighbour's strong one reaches."""
    starts = np.cumsum([0, *(len(border.is_strong) for border in borders)]).tolist()
    parents: dict[int, int] = {}  # of components that are not their own; strong ones have the parent _STRONG
    for index, (above, below) in enumerate(itertools.pairwise(borders)):
        for upper, lower in _touching(above.bottom, below.top):
            strong = above.is_strong[upper], below.is_strong[lower]
            one = _STRONG if strong[0] else _root(parents, starts[index] + upper)
            other = _STRONG if strong[1] else _root(parents, starts[index + 1] + lower)
            if one != other:
                low, high = sorted((one, other))
                parents[high] = low  # _STRONG is below all others and stays a root
    results: list[set[int]] = [set() for _ in borders]
    for component in list(parents):
        if _root(parents, component) == _STRONG:
            index = bisect.bisect_right(starts, component) - 1
            results[index].add(component - starts[index])
    return results


def _root(parents: dict[int, int], component: int) -> int:
    while (parent := parents.get(component, component)) != component:
        parents[component] = parents.get(parent, parent)  # halves the path
        component = parent
    return component


def _touching(above: Edge, below: Edge) -> list[tuple[int, int]]:
    """Pairs of labels that meet, straight or across a corner."""
    pairs = []
    for shift in (-1, 0, 1):
        _, upper, lower = np.intersect1d(above.columns, below.columns + shift, assume_unique=True, return_indices=True)
        pairs.append(np.stack([above.labels[upper], below.labels[lower]], axis=1))
    return [(int(upper), int(lower)) for upper, lower in np.unique(np.concatenate(pairs), axis=0)]


def resolve(border: Border, kept: Bits, undecided: Bits, labels: set[int]) -> Bits:
    """The strip's edges: what is kept, and the components with these labels."""
    if not labels:
        return kept
    wanted = np.fromiter(labels, np.int32)
    pixels = np.unpackbits(undecided, axis=1)
    count, found = cv2.connectedComponents(pixels, connectivity=8, ltype=cv2.CV_32S)
    chosen = np.zeros(count, np.bool_)
    for edge, row in ((border.top, found[0]), (border.bottom, found[-1])):
        chosen[row[edge.columns[np.isin(edge.labels, wanted)]]] = True
    positions = _places(pixels)
    return kept | _bits(positions[chosen[found.ravel()[positions]]], pixels.shape)


class Edges:
    """Takes strips in any order, from any thread; once it has all, it is the source (worker.strips.spool.RowSource) of
    the image of edges. spans are the strips' rows."""

    ordered = False

    def __init__(self, width: int, height: int, spans: Sequence[Span]) -> None:
        self.width, self.height = width, height
        self._spans = spans
        self._file = FileBlob()
        self._lock = threading.Lock()
        self._places: dict[int, tuple[int, int]] = {}  # where a strip's bits lie in the file, and their length
        self._borders: dict[int, Border] = {}
        self._promoted: list[set[int]] = []
        self._resolved: dict[int, Bits] = {}  # the strips read last

    def put(self, index: int, weak: Image, strong: Image) -> None:
        """Raises OSError."""
        border, kept, undecided = analyse(weak, strong)
        deflate = zlib.compressobj(1, zlib.DEFLATED, -15, 9, zlib.Z_RLE)
        data = deflate.compress(kept.data) + deflate.compress(undecided.data) + deflate.flush()
        with self._lock:
            self._borders[index] = border
            self._places[index] = (len(self._file), len(data))
            self._file.append(data)

    def finish(self) -> None:
        """All strips are in."""
        self._promoted = promoted([self._borders[index] for index in range(len(self._spans))])

    def read(self, span: Span) -> Image:
        touched = [
            index for index, strip in enumerate(self._spans) if strip.top < span.bottom and span.top < strip.bottom
        ]
        bits = np.concatenate([self._strip(index) for index in touched])
        held = self._spans[touched[0]] | self._spans[touched[-1]]
        pixels = np.unpackbits(bits[span.within(held)], axis=1, count=self.width)
        np.multiply(pixels, 255, out=pixels)
        return pixels

    def _strip(self, index: int) -> Bits:
        if (known := self._resolved.get(index)) is not None:
            return known
        data = zlib.decompress(self._file.read(*self._places[index]), -15)
        kept, undecided = np.frombuffer(data, np.uint8).reshape(2, len(self._spans[index]), -1)
        bits = resolve(self._borders[index], kept, undecided, self._promoted[index])
        with self._lock:
            self._resolved[index] = bits
            while len(self._resolved) > _REMEMBERED:
                del self._resolved[min(self._resolved)]
        return bits
