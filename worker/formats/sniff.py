"""The format of a file by its first bytes."""

from __future__ import annotations

from filterfleet.common.blob import Blob, read
from filterfleet.common.errors import ImageError
from filterfleet.common.jobs.magic import HEAD, format_of
from filterfleet.worker.formats import unread
from filterfleet.worker.formats.raw import is_raw


def sniff(blob: Blob) -> str:
    """The format of an image file by its first bytes, whatever its name says: a name as in Header.format. Raises
    ImageError for an empty file and for an unknown format, and OSError.
    """
    if len(blob) == 0:
        raise ImageError("The file is empty.")
    head = bytes(read(blob, 0, HEAD))
    if found := format_of(head):
        return "raw" if found == "tiff" and is_raw(blob) else found
    if name := unread.named(head):
        raise ImageError(f"The file is {name}, which cannot be read.")
    raise ImageError("The file is not an image of a known format.")
