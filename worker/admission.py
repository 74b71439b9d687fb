"""How an image goes through a recipe, whole or in strips. Its header decides, and the memory that each way takes."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass

from filterfleet.common.errors import ImageError
from filterfleet.common.text import size_text
from filterfleet.worker.formats import Header
from filterfleet.worker.settings import MAX_PIXELS, MAX_STRIPS_PIXELS, STRIPS_NEED, WHOLE_PIXELS


class Way(enum.Enum):
    WHOLE = "whole"
    STRIPS = "strips"


@dataclass(frozen=True, slots=True)
class Admission:
    """need is in bytes."""

    way: Way
    need: int


def admit(
    header: Header,
    need: int,
    obstacle: Callable[[], str | None],
    hope: Callable[[], bool],
    strips_need: Callable[[], int],
    memory: int,
) -> Admission:
    """Small images go whole, which is faster, and large ones in strips. A large one that cannot be cut goes whole if it
    fits into memory, in bytes.

    need is what the whole image takes, in bytes. obstacle() is the sentence that says why this recipe cannot work in
    strips on this image; None if it can; strips_need() is then what that takes. hope() says whether it might, because
    nobody knows yet how large a step's result is. Raises ImageError if the image can go neither way.
    """
    if header.pixels <= WHOLE_PIXELS and need <= memory:
        return Admission(Way.WHOLE, need)
    why = obstacle() if header.bounded else f"{_described(header)} can only be decoded whole."
    if why is None:
        return _in_strips(header, strips_need(), need, memory)
    if need <= memory and header.pixels <= MAX_PIXELS:
        return Admission(Way.WHOLE, need)
    if header.bounded and hope():
        return _in_strips(header, strips_need(), need, memory)
    if header.pixels > MAX_PIXELS:
        raise ImageError(f"{why} Images of up to {MAX_PIXELS // 1_000_000} megapixels can go whole.")
    raise ImageError(f"{why} {_too_much(need, memory)}")


def _in_strips(header: Header, strips: int, whole: int, memory: int) -> Admission:
    if header.pixels > MAX_STRIPS_PIXELS:
        size = f"{header.width} x {header.height}"
        raise ImageError(
            f"The image is {size} pixels; at most {MAX_STRIPS_PIXELS // 1_000_000} megapixels can be processed."
        )
    if strips <= max(memory, STRIPS_NEED):
        return Admission(Way.STRIPS, strips)
    if whole <= memory:  # small, but with rows so long, or filters that look so far, that a strip is no less
        return Admission(Way.WHOLE, whole)
    raise ImageError(f"{_described(header)} is too wide for this recipe. {_too_much(strips, memory)}")


def _too_much(need: int, memory: int) -> str:
    return f"That takes {size_text(need)} of memory, and this worker has {size_text(memory)} for images (--memory)."


def _described(header: Header) -> str:
    megapixels = round(header.pixels / 1_000_000)
    size = f"{megapixels} megapixels" if megapixels > 1 else f"{header.width} x {header.height} pixels"
    kind = None if header.bounded else {"jpeg": "A progressive JPEG", "png": "An interlaced PNG"}.get(header.format)
    return f"{kind or header.format.upper()} of {size}"
