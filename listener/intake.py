"""What waits to be processed and what is under way: bounded, fresh uploads first, one job per content."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field

from common.protocol import Result
from listener.scan import Version

WINDOW_BYTES = 128 << 20  # of image files held for the objects under way, at most


@dataclass(slots=True)
class JobInHand:
    """A job and the objects that wait for it: more than one when their contents are the same."""

    size: int  # bytes of the image file that its submission holds in memory
    submitted_at: float
    waiting: dict[str, Version] = field(default_factory=dict)
    result: Result | None = None
    turnaround: float = 0.0  # seconds
    tries: Counter[str] = field(default_factory=Counter)  # at writing the outputs of each path


class Intake:
    """The line of pending objects, and the window of those under way: so many objects at most."""

    def __init__(self, window: int) -> None:
        self.window = window
        self.jobs: dict[bytes, JobInHand] = {}
        self._fresh: deque[tuple[str, Version]] = deque()
        self._backfill: deque[tuple[str, Version]] = deque()
        self._active: dict[str, int] = {}  # path -> bytes it will hold

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
                if self._active and (
                    len(self._active) >= self.window or sum(self._active.values()) + version.size > WINDOW_BYTES
                ):
                    return None
                line.popleft()
                self._active[path] = version.size
                return path, version, fresh
        return None

    def release(self, path: str) -> None:
        del self._active[path]
