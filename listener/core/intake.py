"""What waits to be processed and what is under way: bounded, fresh uploads first, one job per content."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from filterfleet.common.wire import Result
from filterfleet.listener.core.scan import Version

# Bytes under way at most, of images and of outputs that wait to be written. What is larger goes when it is alone there.
MEMORY = 128 << 20
RESERVE = 16  # objects that may be under way beyond the window, if they are fresh
DISK = 1 << 30  # in temporary files


@dataclass(slots=True)
class JobInHand:
    """A job and the objects that wait for it: more than one when their contents are the same."""

    submitted_at: float
    waiting: dict[str, Version] = field(default_factory=dict)
    result: Result | None = None
    turnaround: float = 0.0  # seconds


@dataclass(slots=True)
class _Active:
    """An object under way, with its bytes in memory and in temporary files."""

    fresh: bool
    memory: int = 0
    disk: int = 0


class Intake:
    """The line of pending objects, and the window of those under way: so many objects at most.

    An object of no more than small bytes is in memory, a larger one in a temporary file. What a cloud is on one end or
    the other of passes through files anyhow; all files together have no more than disk bytes, unless it is one alone.
    """

    def __init__(self, window: int, small: int, disk: int = DISK, *, spooled: bool = False) -> None:
        """spooled: images pass through files, however small they are."""
        self.window = window
        self.disk = disk
        self._small = small
        self._spooled = spooled
        self.jobs: dict[bytes, JobInHand] = {}
        self._fresh: deque[tuple[str, Version]] = deque()
        self._backfill: deque[tuple[str, Version]] = deque()
        self._active: dict[str, _Active] = {}

    @property
    def idle(self) -> bool:
        return not (self._active or self._fresh or self._backfill)

    @property
    def waiting(self) -> int:
        return len(self._fresh) + len(self._backfill)

    def add(self, path: str, version: Version, *, fresh: bool) -> None:
        (self._fresh if fresh else self._backfill).append((path, version))

    def take(self) -> tuple[str, Version, bool] | None:
        """The next (path, version, fresh) that fits into the window; it is active until release()."""
        for line, fresh in ((self._fresh, True), (self._backfill, False)):
            for _ in range(len(line)):
                path, version = line[0]
                if path in self._active:  # an older version of it is not finished yet
                    line.rotate(-1)
                    continue
                taken = _Active(fresh)
                self._add(taken, version.size, spooled=self._spooled)
                if not self._has_room(taken):
                    return None
                line.popleft()
                self._active[path] = taken
                return path, version, fresh
        return None

    def add_outputs(self, path: str, size: int, *, spooled: bool = False) -> None:
        """An active object's outputs are here, so many bytes, and are to be written; spooled: through files."""
        self._add(self._active[path], size, spooled=spooled)

    def is_fresh(self, path: str) -> bool:
        """Whether this active object goes before the backfill."""
        return self._active[path].fresh

    def release(self, path: str) -> None:
        del self._active[path]

    def _has_room(self, wanted: _Active) -> bool:
        active = self._active.values()
        return (
            len(active) < self.window + (RESERVE if wanted.fresh else 0)
            and _fits(wanted.memory, sum(other.memory for other in active), MEMORY)
            and _fits(wanted.disk, sum(other.disk for other in active), self.disk)
        )

    def _add(self, active: _Active, size: int, *, spooled: bool) -> None:
        if size <= self._small:
            active.memory += size
        if spooled or size > self._small:
            active.disk += size


def _fits(size: int, taken: int, limit: int) -> bool:
    return size == 0 or taken == 0 or taken + size <= limit
