"""How an image goes through a recipe, whole or in strips, and how much memory that takes. Its header decides."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass

from filterfleet.common.errors import ImageError
from filterfleet.common.text import size_text
from filterfleet.worker.formats import Header
from filterfleet.worker.settings import MAX_PIXELS, STRIPS_NEED, WHOLE_PIXELS
from filterfleet.worker.tree import Node

# Bytes for each pixel that a decoder holds at its worst moment, the result and its copy included: libjxl computes with
# floats, LibRaw with four samples of 16 bits. Measured at 12 megapixels. More: fewer such images are decoded at once.
# Less: a process takes more memory than it was given.
DECODER_NEED = {"jxl": 20, "raw": 19}


class Way(enum.Enum):
    WHOLE = "whole"
    STRIPS = "strips"


@dataclass(frozen=True, slots=True)
class Admission:
    """need is in bytes."""

    way: Way
    need: int


def admit(header: Header, root: Node, obstacle: Callable[[], str | None], memory: int) -> Admission:
    """Small images go whole, which is faster, and large ones in strips. A large one that cannot be cut goes whole if it
    fits into memory, in bytes.

    obstacle() is the sentence that says why this recipe cannot work in strips on this image; None if it can. Raises
    ImageError if the image can go neither way.
    """
    need = whole_need(header, root)
    if header.pixels <= WHOLE_PIXELS and need <= memory:
        return Admission(Way.WHOLE, need)
    why = obstacle() if header.bounded else f"{_described(header)} can only be decoded whole."
    if why is None:
        return Admission(Way.STRIPS, STRIPS_NEED)
    if need <= memory and header.pixels <= MAX_PIXELS:
        return Admission(Way.WHOLE, need)
    if header.pixels > MAX_PIXELS:
        raise ImageError(f"{why} Images of up to {MAX_PIXELS // 1_000_000} megapixels can go whole.")
    raise ImageError(
        f"{why} That takes {size_text(need)} of memory, and this worker has {size_text(memory)} for images (--memory)."
    )


def whole_need(header: Header, root: Node) -> int:
    """Bytes held at the worst moment: the image, one more for each step of the longest chain, and one for what a codec
    or a filter needs besides. Some decoders need more than that.
    """
    sample = 1 if header.bits <= 8 else 2
    filtering = sample * max(header.bands, 1) * (2 + _depth(root))
    return header.pixels * max(filtering, DECODER_NEED.get(header.format, 0))


def _depth(node: Node) -> int:
    """Steps of the longest chain."""
    return max((1 + _depth(child) for _, child in node.children), default=0)


def _described(header: Header) -> str:
    megapixels = round(header.pixels / 1_000_000)
    kind = {"jpeg": "A progressive JPEG", "png": "An interlaced PNG"}.get(header.format)
    return f"{kind or header.format.upper()} of {megapixels} megapixels"
