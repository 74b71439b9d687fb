"""The objects that wait to be processed, fresh uploads first, and a bound for those under way.

Between the fresh uploads and the backfill are those that were found again: only a comparison of their contents can tell
whether they are to be processed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from filterfleet.listener.core.scan import Version
from filterfleet.listener.core.settings import DISK, MADE, MEMORY, REFILL, RESERVE


@dataclass(slots=True)
class _Active:
    """An object under way, with its bytes in memory and in temporary files. made: its outputs are here."""

    fresh: bool
    again: bool = False
    made: bool = False
    memory: int = 0
    disk: int = 0


class Intake:
    """The line of pending objects, and the window of those under way.

    window: objects under way at most, beside MADE whose outputs are here: the engine gets others while those are
    written and recorded. An object of no more than small bytes is in memory, a larger one in a temporary file. All
    files together take no more than disk bytes, unless it is one alone.
    """

    def __init__(self, window: int, small: int, disk: int = DISK, *, spooled: bool = False) -> None:
        """spooled: images pass through files, however small they are, because the source is a cloud."""
        self.paused = False  # whether take() gives nothing
        self.window = window
        self.disk = disk
        self._small = small
        self._spooled = spooled
        self._fresh: deque[tuple[str, Version]] = deque()
        self._again: deque[tuple[str, Version]] = deque()
        self._backfill: deque[tuple[str, Version]] = deque()
        self._active: dict[str, _Active] = {}
        self._made = 0  # the active ones whose outputs are here
        self._full = {True: False, False: False}  # by fresh: the window was full, and is not refilled yet
        self._memory = self._disk = 0  # bytes of all that is active

    @property
    def idle(self) -> bool:
        return not (self._active or self.waiting)

    @property
    def waiting(self) -> int:
        """The length of the line."""
        return len(self._fresh) + len(self._again) + len(self._backfill)

    @property
    def active(self) -> frozenset[str]:
        """The paths in the window."""
        return frozenset(self._active)

    @property
    def fresh(self) -> list[str]:
        """The paths of fresh objects in the line, in order."""
        return [path for path, _ in self._fresh]

    def add(self, path: str, version: Version, *, fresh: bool) -> None:
        """Put an object at the end of the line, or of its front part when it is fresh."""
        (self._fresh if fresh else self._backfill).append((path, version))

    def add_again(self, path: str, version: Version) -> None:
        """Put an object in the line whose content is to be compared."""
        self._again.append((path, version))

    def is_again(self, path: str) -> bool:
        """Whether the content of an active object is to be compared."""
        return self._active[path].again

    def take(self, is_busy: Callable[[str], bool] = lambda _: False) -> tuple[str, Version, bool] | None:
        """The next (path, version, fresh) that fits into the window; it is active until release(). A path that is
        active, since an older version of it is not finished yet, or busy for another reason, waits."""
        if self.paused:
            return None
        for line in (self._fresh, self._again, self._backfill):
            for _ in range(len(line)):
                path, version = line[0]
                if path in self._active or is_busy(path):
                    line.rotate(-1)
                    continue
                again = line is self._again
                memory, disk = self._weight(version.size, spooled=self._spooled)
                taken = _Active(line is self._fresh, again, memory=memory, disk=disk)
                if not self._has_room(taken):
                    return None
                line.popleft()
                self._active[path] = taken
                self._count(taken.memory, taken.disk)
                return path, version, taken.fresh
        return None

    def add_outputs(self, path: str, size: int, *, spooled: bool = False) -> None:
        """The outputs of an active object are here, size bytes in all. spooled: they pass through files, because the
        output is a cloud."""
        active = self._active[path]
        self._made += not active.made
        active.made = True
        memory, disk = self._weight(size, spooled=spooled)
        active.memory += memory
        active.disk += disk
        self._count(memory, disk)

    def release(self, path: str) -> None:
        active = self._active.pop(path)
        self._made -= active.made
        self._count(-active.memory, -active.disk)

    def _has_room(self, wanted: _Active) -> bool:
        return (
            self._is_open(fresh=wanted.fresh)
            and _fits(wanted.memory, self._memory, MEMORY)
            and _fits(wanted.disk, self._disk, self.disk)
        )

    def _is_open(self, *, fresh: bool) -> bool:
        """Whether the window takes one more. Once it was full, it takes several at once."""
        room = self.window + (RESERVE if fresh else 0) - (len(self._active) - min(self._made, MADE))
        self._full[fresh] = room <= 0 or (self._full[fresh] and room < self.window // REFILL)
        return not self._full[fresh]

    def _weight(self, size: int, *, spooled: bool) -> tuple[int, int]:
        """The bytes that an image, or outputs, of this size take in memory and in temporary files."""
        small = size <= self._small
        return size if small else 0, 0 if small and not spooled else size

    def _count(self, memory: int, disk: int) -> None:
        self._memory += memory
        self._disk += disk


def _fits(size: int, taken: int, limit: int) -> bool:
    return size == 0 or taken == 0 or taken + size <= limit
