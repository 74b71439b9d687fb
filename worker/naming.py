"""Sentences about images that say at which output and step something is wrong."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from filterfleet.common.errors import ImageError


@contextlib.contextmanager
def said_of(where: str) -> Iterator[None]:
    """Puts where before the sentence of an ImageError, unless it says so itself."""
    try:
        yield
    except ImageError as error:
        if str(error).startswith("Output "):
            raise
        raise ImageError(f"{where}: {error}") from None
