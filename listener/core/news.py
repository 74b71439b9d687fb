"""Which files to look at between two scans: those of which there is news, until each has settled."""

from __future__ import annotations

from collections.abc import Callable

from filterfleet.listener.core.rhythm import Rhythm


class News:
    """settle is in seconds. A file is looked at soon after there is news of it, and again after settle, as long as it
    is unsettled; how much of its time a listener may spend on scans of everything does not matter."""

    def __init__(self, settle: float) -> None:
        self._rhythm = Rhythm(float("inf"), settle)
        self._paths: set[str] = set()

    def add(self, path: str, now: float) -> None:
        """Something has happened to this file."""
        self._paths.add(path)
        self._rhythm.hint(now)

    def wait(self, now: float) -> float:
        """Seconds until the next look is due."""
        return self._rhythm.wait(now) if self._paths else float("inf")

    def begin(self, now: float) -> frozenset[str]:
        """What to look at."""
        paths = frozenset(self._paths)
        self._paths.clear()
        self._rhythm.begin(now)
        return paths

    def end(self, paths: frozenset[str], is_unsettled: Callable[[str], bool], now: float) -> None:
        """These have been looked at."""
        unsettled = [path for path in paths if is_unsettled(path)]
        self._paths.update(unsettled)
        self._rhythm.end(now, unsettled=bool(unsettled))
