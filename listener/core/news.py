"""Which single files to look at between two scans: those that were heard of, until each has settled."""

from __future__ import annotations

from collections.abc import Callable

from filterfleet.listener.core.rhythm import Rhythm


class News:
    """Looks soon after news, and again after settle seconds while a file is unsettled. Looks are cheap: unlike scans,
    they may take any share of the time."""

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
        """The look that is due begins; returns the paths to look at."""
        paths = frozenset(self._paths)
        self._paths.clear()
        self._rhythm.begin(now)
        return paths

    def end(self, paths: frozenset[str], is_unsettled: Callable[[str], bool], now: float) -> None:
        """The look at these paths has ended."""
        unsettled = [path for path in paths if is_unsettled(path)]
        self._paths.update(unsettled)
        self._rhythm.end(now, unsettled=bool(unsettled))
