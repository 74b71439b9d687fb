"""The colour spaces into which filters convert, and what a file says of pixels in them."""

from __future__ import annotations

import dataclasses
import functools

from filterfleet.worker.formats import icc
from filterfleet.worker.formats.colour import SRGB
from filterfleet.worker.formats.metadata import Carried
from filterfleet.worker.pixels.vips import pyvips

SPACES = {"srgb": "srgb", "display-p3": "p3", "gray": ""}  # and libvips' names for the profiles


@functools.cache
def profile_of(space: str) -> bytes:
    """The profile of one of SPACES: for colours, that of the conversion; for gray, the tone curve of sRGB."""
    name = SPACES[space]
    return bytes(pyvips.Operation.call("profile_load", name)) if name else icc.gray_profile(SRGB.curve)


def stating_space(carried: Carried, space: str | None) -> Carried:
    """The same for pixels that were converted into one of SPACES; None: they were not."""
    return carried if space is None else dataclasses.replace(carried, icc=profile_of(space), png_colours={})


def colours_in(space: str) -> bytes | None:
    """The profile of colours in the space, as worker.pixels.image.About has it: None for sRGB."""
    return profile_of(space) if space == "display-p3" else None
