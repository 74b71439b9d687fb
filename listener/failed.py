"""How an output reports images that cannot be processed: in failed/, a copy of the image and a text with the reason."""

from __future__ import annotations

import hashlib
from pathlib import PurePosixPath

from filterfleet.common.text import LONGEST, printable, shortened
from filterfleet.listener.names import fitted, is_short

FAILED = "failed"  # the folder's name below the output's root


def failed_places(source: str) -> tuple[str, str]:
    """The paths below the output's root of the copy and of the text, for an image with the path source.

    The text is called like the image with .txt appended, a name that no image has. Where that is too long, the image's
    name is cut and a hash of its whole path follows, so that no two images share a text.
    """
    image = PurePosixPath(FAILED) / source
    name = f"{image.name}.txt"
    if not is_short(name):
        digest = hashlib.sha256(source.encode("utf-8", "surrogateescape")).hexdigest()
        name = fitted(image.name, f"~{digest[:16]}.txt")
    return str(image), str(image.with_name(name))


def failed_text(reason: str) -> bytes:
    """The text's content: one line of UTF-8."""
    return f"{shortened(printable(reason), LONGEST)}\n".encode()
