"""How long the sides of an output may be, by its format."""

from __future__ import annotations

from filterfleet.common.errors import ImageError
from filterfleet.worker.formats.limits import LONGEST_WRITTEN
from filterfleet.worker.settings import MAX_SIDE


def check_sides(name: str, image_format: str, width: int, height: int) -> None:
    """Raises ImageError, naming the output, unless its format can hold width x height pixels."""
    longest = LONGEST_WRITTEN.get(image_format, MAX_SIDE)
    if max(width, height) > longest:
        raise ImageError(
            f"Output {name!r}: a {width} x {height} image cannot be stored as {image_format.upper()}, whose sides may "
            f"have at most {longest} pixels: choose png or tiff, or make it smaller first."
        )
