"""Files that cannot be decoded: the error for each reader, and the sentence for users."""

from __future__ import annotations

from filterfleet.common.errors import ImageError
from filterfleet.common.jobs.recipe import Damaged
from filterfleet.worker.formats.limits import MAX_PARTS


class DamagedHeader(ValueError):  # noqa: N818 - it never reaches a user: read_header makes a sentence of it
    """The file ends or contradicts itself before all facts are known."""


def too_many(parts: str) -> ImageError:
    """The error for a file that is cut into more parts (chunks, boxes) than are looked at."""
    return ImageError(f"The file has more than {MAX_PARTS} {parts}, which is more than is looked at.")


_RESCUED = ("jpeg", "png", "tiff", "gif")  # of these, Damaged.ACCEPT shows what there is
_HINT = 'The recipe setting damaged = "accept" decodes as much of it as possible.'


def damaged(image_format: str) -> ImageError:
    """The error to raise for a file whose first bytes are right and whose rest is not."""
    if image_format == "tiff":  # there are too many kinds of TIFF to tell damage from a kind that libvips cannot read
        return ImageError("The TIFF file is damaged, cut short or of a kind that cannot be read.")
    return ImageError(f"The {image_format.upper()} file is damaged or cut short.")


def damaged_pixels(image_format: str, policy: Damaged) -> ImageError:
    """The error to raise for a file whose header is right and whose pixels are not. It says so if another policy would
    decode more.
    """
    error = damaged(image_format)
    if policy is Damaged.REFUSE and image_format in _RESCUED:
        return ImageError(f"{error} {_HINT}")
    return error
