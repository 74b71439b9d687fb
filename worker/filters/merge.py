"""How a filter's results on horizontal strips of an image join to its result on the whole image.

A huge image passes through in strips of full width. Beside its function, each filter says what a strip needs so that
the joined result equals the whole image's byte for byte, or that there is no such way.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from msgspec import Struct

from filterfleet.common.jobs.recipe import Step
from filterfleet.worker.pixels.image import Image


def no_rows(**_values: Any) -> int:
    return 0


def one_row(**_values: Any) -> int:
    return 1


def half_the_size(size: int, **_values: Any) -> int:
    """The halo of a window of size rows, where size is odd."""
    return size // 2


class Rows(Struct, frozen=True):
    """The size stays the same, and each row of the result depends on a fixed number of rows around it.

    halo(**values) is that number: rows above, and as many below, clipped to the image; 0 unless it is given. A strip
    begins and ends at multiples of align(**values) rows, or at the image's edge; 1 unless it is given. With positioned,
    the function also takes place=Place(...), which says where the strip lies in the image.
    """

    halo: Callable[..., int] = no_rows
    align: Callable[..., int] = one_row
    positioned: bool = False


class Measured(Struct, frozen=True):
    """Two passes. measure(rows, **values) returns an int64 array, which is summed over all strips. Then
    apply(rows, total, **values) computes each row of the result, which depends on nothing but that row and the total.
    The filter's function must equal apply(image, measure(image)). Where it takes alpha, so do these two.
    """

    measure: Callable[..., Any]
    apply: Callable[..., Any]


class Hysteresis(Struct, frozen=True):
    """Canny's rule: a weak edge counts if a chain of weak ones joins it to a strong one, however far away. See
    worker.strips.canny.

    ridges(image, **values) returns two arrays of (rows, width): uint8, 255 on weak edges and 0 elsewhere; and bool,
    True where a weak edge is also a strong one. What the second says elsewhere has no meaning. The filter's function
    must equal what the rule makes of them.
    """

    ridges: Callable[..., tuple[Any, Any]]


def no_part(_width: int, _height: int, **_values: Any) -> None:
    return None


class Resampled(Struct, frozen=True):
    """The size changes: target(width, height, **values) returns the new (width, height) in pixels. method(**values)
    says how: one of cv2.INTER_*, for the pixels of cv2.resize; or one of worker.filters.resampling.METHODS, for those
    of resample(), to which part(width, height, **values) goes as well. The filter's function is called for the image's
    dtype and for float32: colours that are multiplied by alpha go through it one channel after the other, as whole
    numbers from 0 to 2^32.
    """

    target: Callable[..., tuple[int, int]]
    method: Callable[..., int | str]
    part: Callable[..., tuple[float, float, float, float] | None] = no_part


class Moved(Struct, frozen=True):
    """The rows of the result are rows of the image at other places, or nothing of the image. target(width, height,
    **values) returns the new (width, height) in pixels.

    made(top, bottom, width, height, **values) says which rows of the result a strip makes, as (first, last + 1), where
    the strip has the rows of the image from top up to bottom. Together, strips make all rows once. The function is
    called with such a strip and place=Place(...), and returns the rows that the strip makes, which may be none.
    """

    target: Callable[..., tuple[int, int]]
    made: Callable[..., tuple[int, int]]


class Source(Protocol):
    """An image of which any part can be read, in any order, from several threads at once."""

    width: int
    height: int

    def read(self, left: int, top: int, right: int, bottom: int) -> Image:
        """The pixels from left up to right, and from top up to bottom, which all lie in the image. The caller must not
        change them.
        """


class Drawing(Struct, frozen=True):
    """The result of a filter, in pixels. rows(top, bottom) makes the rows from top up to bottom; it may be called from
    several threads at once, and every row comes out the same whichever others are made with it.
    """

    width: int
    height: int
    rows: Callable[[int, int], Image]


class Gathered(Struct, frozen=True):
    """Pixels of the result come from far away in the image, or where they come from follows from all of its pixels.

    draw(source, **values) looks at the image, a Source, as far as it needs to, and returns the Drawing. Strips wait in
    a temporary file until all of them are there. target(width, height, **values) returns the (width, height) of the
    result in pixels; unless it is certain, what comes out may be smaller. The filter's function must equal all rows of
    the drawing.
    """

    draw: Callable[..., Drawing]
    target: Callable[..., tuple[int, int]]
    certain: bool = True


class Chain(Struct, frozen=True):
    """The filter is short for others, one after the other: steps(**values) names them. Its function must equal them."""

    steps: Callable[..., tuple[Step, ...]]


class Whole(Struct, frozen=True):
    """The filter needs the whole image at once. why completes the sentence "The filter 'x' needs the whole image at
    once, because {why}." keeps_size: the result has the size of the image.
    """

    why: str
    keeps_size: bool = False


# Rules by which the result has another size, which target() says before a pixel is decoded.
Resizing = Resampled | Moved | Gathered


def is_measured(merge: Merge) -> bool:
    """Whether the size of the result follows from the pixels, so that nobody knows it before it is made."""
    return (isinstance(merge, Gathered) and not merge.certain) or (isinstance(merge, Whole) and not merge.keeps_size)


Merge = Rows | Measured | Hysteresis | Resizing | Chain | Whole
