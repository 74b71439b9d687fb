"""How an output tells of what could not be processed: below failed/, the image and a text with the reason."""

from __future__ import annotations

import hashlib
from pathlib import PurePosixPath

from filterfleet.common.text import printable
from filterfleet.listener.names import fitted, is_short

FAILED = "failed"


def failed_places(source: str) -> tuple[str, str]:
    """Where below the output root the image goes, and where the text.

    An image's name may be as long as a name can be, and the text's is longer: then it is cut, and has a hash of the
    whole path, so that no two images share a text. It ends in .txt, which no image does.
    """
    image = PurePosixPath(FAILED) / source
    name = f"{image.name}.txt"
    if not is_short(name):
        digest = hashlib.sha256(source.encode("utf-8", "surrogateescape")).hexdigest()
        name = fitted(image.name, f"~{digest[:16]}.txt")
    return str(image), str(image.with_name(name))


def failed_text(reason: str) -> bytes:
    """One line of UTF-8."""
    return f"{printable(reason)}\n".encode()
