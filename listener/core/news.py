"""Which single files to look at between two scans: those that were heard of, until each has settled."""

from __future__ import annotations

from collections.abc import Callable, Collection

from filterfleet.listener.core.rhythm import Rhythm


class News:
    """Looks soon after news, and again after settle seconds while a file is unsettled."""

    def __init__(self, settle: float, share: float, delay: float) -> None:
        """share, delay: as in Rhythm."""
        self._rhythm = Rhythm(float("inf"), settle, share, delay)
        self._paths: set[str] = set()
        self._written: set[str] = set()  # those of them that somebody may have written to
        self.written: frozenset[str] = frozenset()  # the same for the look that began last

    def add(self, path: str, now: float) -> None:
        """This file is not what it was taken for."""
        self._paths.add(path)
        self._rhythm.hint(now)

    def hear(self, path: str, now: float) -> None:
        """Something has happened to this file."""
        self._written.add(path)
        self.add(path, now)

    def expect(self, paths: Collection[str], now: float) -> None:
        """These files may be others a moment later."""
        if not self._paths.issuperset(paths):
            self._paths.update(paths)
            self._rhythm.expect(now)

    def wait(self, now: float) -> float:
        """Seconds until the next look is due."""
        return self._rhythm.wait(now) if self._paths else float("inf")

    def begin(self, now: float) -> frozenset[str]:
        """The look that is due begins; returns the paths to look at."""
        paths, self.written = frozenset(self._paths), frozenset(self._written)
        self._paths.clear()
        self._written.clear()
        self._rhythm.begin(now)
        return paths

    def end(self, paths: frozenset[str], is_unsettled: Callable[[str], bool], now: float) -> None:
        """The look at these paths has ended."""
        self._paths.update(filter(is_unsettled, paths))
        self._rhythm.end(now, unsettled=bool(self._paths))
