"""What a listing and a look that run side by side say about the same paths.

Neither of them is known to show the later state. So what they disagree about counts as unknown, and is looked at again.
"""

from __future__ import annotations

from collections.abc import Mapping

from filterfleet.listener.core.scan import Version


class Overlap:
    """At most one listing and one look are under way."""

    def __init__(self) -> None:
        self._listing = False  # whether one is under way
        self._looked: dict[str, Version | None] = {}  # what looks have shown that ended during it
        self._looking: frozenset[str] = frozenset()  # the paths of the look under way
        self._listed: dict[str, Version | None] = {}  # what listings have shown of them that ended during it

    def list_begins(self) -> None:
        self._listing = True
        self._looked.clear()

    def look_begins(self, paths: frozenset[str]) -> None:
        self._looking = paths
        self._listed.clear()

    def list_ends(self, objects: Mapping[str, Version]) -> set[str]:
        """The listing shows these objects; returns the paths that it disagrees about with a look."""
        self._listing = False
        self._listed |= {path: objects.get(path) for path in self._looking}
        return {path for path, version in self._looked.items() if objects.get(path) != version}

    def look_ends(self, found: Mapping[str, Version]) -> set[str]:
        """The look has found these objects; returns the paths that it disagrees about with a listing."""
        paths, self._looking = self._looking, frozenset()
        if self._listing:
            self._looked |= {path: found.get(path) for path in paths}
        return {path for path, version in self._listed.items() if found.get(path) != version}
