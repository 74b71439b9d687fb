"""Which files without an extension are images, by their first bytes."""

from __future__ import annotations

import os

from filterfleet.common.jobs.magic import HEAD, format_of
from filterfleet.listener.core.scan import Version
from filterfleet.listener.local.inside import Inside

# Files whose answer is remembered, so that a scan opens only those that have changed. More: larger sources are scanned
# without opening a file. Less: the listener takes less memory, about 300 bytes for each file.
REMEMBERED = 100_000


class Sniffer:
    """For one thread."""

    def __init__(self, inside: Inside) -> None:
        self._inside = inside
        self._known: dict[str, tuple[Version, bool]] = {}

    def is_image(self, path: str, version: Version) -> bool:
        """Whether this version of a file begins like an image. A file that cannot be read does not."""
        known = self._known.get(path)
        if known is not None and known[0] == version:
            return known[1]
        try:
            with os.fdopen(self._inside.open(path), "rb") as opened:
                found = format_of(opened.read(HEAD)) is not None
        except OSError:
            return False
        if len(self._known) >= REMEMBERED:
            self._known.clear()
        self._known[path] = (version, found)
        return found
