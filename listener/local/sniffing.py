"""The formats of files without an extension, by their first bytes."""

from __future__ import annotations

from filterfleet.common.blob import FileBlob
from filterfleet.common.jobs.magic import format_in
from filterfleet.listener.core.scan import Version
from filterfleet.listener.local.inside import Inside

# Files whose answer is remembered, so that a scan opens only those that have changed. More: larger sources are scanned
# without opening a file. Less: the listener takes less memory, about 300 bytes for each file.
REMEMBERED = 100_000


class Sniffer:
    """For one thread."""

    def __init__(self, inside: Inside) -> None:
        self._inside = inside
        self._known: dict[str, tuple[Version, str | None]] = {}

    def format_of(self, path: str, version: Version) -> str | None:
        """The format of this version of a file; None if it is no image, or cannot be read."""
        known = self._known.get(path)
        if known is not None and known[0] == version:
            return known[1]
        try:
            with FileBlob(self._inside.open(path)) as blob:
                found = format_in(blob)
        except OSError:
            return None
        if len(self._known) >= REMEMBERED:
            self._known.clear()
        self._known[path] = (version, found)
        return found
