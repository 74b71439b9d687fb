"""Canny's hysteresis in strips, exactly: a weak pixel is an edge if a chain of weak pixels joins it to a strong one,
however long the chain (Canny 1986).

In each strip, the weak pixels (ridges of the gradient above the low threshold) fall into 8-connected components:
- a component that holds a strong pixel (above the high threshold) is kept;
- one that does not, and touches neither the first nor the last row of the strip, is dropped;
- the others are undecided until all strips are known.
Then components that touch across the borders of strips are joined (union-find), and an undecided component is promoted
if it is joined to one that is kept.
"""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from filterfleet.worker.pixels.image import Image
from filterfleet.worker.pixels.opencv import cv2

_STRONG = -1  # the root of all components that are kept; less than any other, so that it stays a root

Labels = NDArray[np.int32]  # (rows, width) or (width,): the component of each pixel, 0 for the background
Bits = NDArray[np.uint8]  # (rows, (width + 7) // 8): a bit for each pixel


@dataclass(frozen=True, slots=True)
class Edge:
    """The weak pixels of a strip's first or last row: their columns, ascending, and their labels."""

    columns: NDArray[np.int32]
    labels: Labels


@dataclass(frozen=True, slots=True)
class Border:
    """Where a strip touches its neighbours. is_strong[label] tells whether that component is kept."""

    top: Edge
    bottom: Edge
    is_strong: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Undecided:
    """Pixels of a strip: their flat indices, ascending, and their labels. They are few, unless hardly any edge of an
    image is strong.
    """

    positions: NDArray[np.int32]
    labels: Labels


def analyse(weak: Image, strong: Image) -> tuple[Border, Bits, Undecided]:
    """The strip's border, its pixels that are kept, and those that are undecided. weak and strong are as in
    worker.filters.merge.Hysteresis.
    """
    count, labels = cv2.connectedComponents(weak, connectivity=8, ltype=cv2.CV_32S)
    pixels = _Pixels(np.packbits(weak, axis=1), weak.shape[1])
    components = labels.ravel()[pixels.positions]
    is_strong = np.zeros(count, np.bool_)
    is_strong[components[strong.ravel()[pixels.positions]]] = True
    is_open = np.zeros(count, np.bool_)
    is_open[labels[0]] = is_open[labels[-1]] = True
    is_open &= ~is_strong
    open_ones = is_open[components]
    undecided = Undecided(pixels.positions[open_ones].astype(np.int32), components[open_ones])
    return Border(_edge(labels[0]), _edge(labels[-1]), is_strong), pixels.only(is_strong[components]), undecided


def _edge(row: Labels) -> Edge:
    columns = np.flatnonzero(row).astype(np.int32)
    return Edge(columns, row[columns])


class _Pixels:
    """The pixels that are set in a map, which are few: what looks at them passes over bytes without any."""

    def __init__(self, bits: Bits, width: int) -> None:
        self._shape = bits.shape
        self._bytes = np.flatnonzero(bits != 0)
        cells = np.unpackbits(bits.ravel()[self._bytes])
        self._cells = np.flatnonzero(cells.view(np.bool_))
        rows, columns = np.divmod(self._bytes, bits.shape[1])
        self.positions = (rows * width + columns * 8)[self._cells >> 3] + (self._cells & 7)  # flat, ascending

    def only(self, chosen: NDArray[np.bool_]) -> Bits:
        """A map in which those of the pixels are set that are chosen."""
        cells = np.zeros(len(self._bytes) * 8, np.bool_)
        cells[self._cells] = chosen
        bits = np.zeros(self._shape, np.uint8)
        bits.ravel()[self._bytes] = np.packbits(cells)
        return bits


def promoted(borders: Sequence[Border]) -> list[set[int]]:
    """For each strip, given from the top, the labels of undecided components that are joined to a kept one."""
    # Components of all strips are numbered through: label n of strip i is starts[i] + n.
    starts = np.cumsum([0, *(len(border.is_strong) for border in borders)]).tolist()
    union = _Union()
    for index, (above, below) in enumerate(itertools.pairwise(borders)):
        for upper, lower in _touching(above.bottom, below.top):
            union.join(
                _STRONG if above.is_strong[upper] else starts[index] + upper,
                _STRONG if below.is_strong[lower] else starts[index + 1] + lower,
            )
    results: list[set[int]] = [set() for _ in borders]
    for component in union.joined_to(_STRONG):
        index = bisect.bisect_right(starts, component) - 1
        results[index].add(component - starts[index])
    return results


class _Union:
    """Disjoint sets of integers (union-find). The root of a set is its least member."""

    def __init__(self) -> None:
        self._parents: dict[int, int] = {}  # of members that are not the root of their set

    def join(self, one: int, other: int) -> None:
        low, high = sorted((self._root(one), self._root(other)))
        if low != high:
            self._parents[high] = low

    def joined_to(self, member: int) -> list[int]:
        """The other members of its set."""
        root = self._root(member)
        return [other for other in list(self._parents) if other != member and self._root(other) == root]

    def _root(self, member: int) -> int:
        while (parent := self._parents.get(member, member)) != member:
            self._parents[member] = parent = self._parents.get(parent, parent)  # halves the path
            member = parent
        return member


def _touching(above: Edge, below: Edge) -> list[tuple[int, int]]:
    """Pairs of labels whose pixels touch, vertically or diagonally, where one strip ends and the next begins."""
    pairs = []
    for shift in (-1, 0, 1):
        _, upper, lower = np.intersect1d(above.columns, below.columns + shift, assume_unique=True, return_indices=True)
        pairs.append(np.stack([above.labels[upper], below.labels[lower]], axis=1))
    return [(int(upper), int(lower)) for upper, lower in np.unique(np.concatenate(pairs), axis=0)]


def resolve(kept: Bits, undecided: Undecided, labels: set[int], width: int) -> Bits:
    """The strip's edges: the kept pixels, and those of the undecided components with these labels."""
    if not labels:
        return kept
    promoted = undecided.positions[np.isin(undecided.labels, np.fromiter(labels, np.int32))]
    rows, columns = np.divmod(promoted.astype(np.intp), width)
    edges = kept.copy()
    np.bitwise_or.at(edges.ravel(), rows * edges.shape[1] + columns // 8, (128 >> columns % 8).astype(np.uint8))
    return edges
