"""The format of a file by its first bytes."""

from __future__ import annotations

from filterfleet.common.blob import Blob, read
from filterfleet.common.errors import ImageError
from filterfleet.common.jobs.magic import HEAD, format_in
from filterfleet.worker.formats import tga, unread


def sniff(blob: Blob) -> str:
    """The format of an image file by its first bytes, whatever its name says: a name as in Header.format. Raises
    ImageError for an empty file and for an unknown format, and OSError.
    """
    if len(blob) == 0:
        raise ImageError("The file is empty.")
    if found := format_in(blob):
        return found
    head = bytes(read(blob, 0, HEAD))
    if name := unread.named(head):
        raise ImageError(f"The file is {name}, which cannot be read.")
    if tga.is_plausible(head):
        return "tga"
    raise ImageError("The file is not an image of a known format.")
