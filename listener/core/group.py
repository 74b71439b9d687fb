"""Which outputs are published together, so that many share the cost of being made durable.

A group is closed when the one before has ended and waiting is of no more use: nothing else is under way, it is large
enough, or one of its paths has waited long enough. A fresh upload waits for a small share of the time that it has taken
already, so that a burst of uploads shares the cost, and nobody notices. Fresh uploads are first in the group, and no
group is so large that they would wait long for the one before.
"""

from __future__ import annotations

from filterfleet.listener.core.settings import ENOUGH, GATHER, HASTE, MOST_TOGETHER


class Groups:
    """The group that is being published, and the one that gathers meanwhile."""

    def __init__(self) -> None:
        self._urgent: list[str] = []
        self._gathering: list[str] = []  # the others
        self._published: tuple[str, ...] = ()  # under way
        self._close_at = float("inf")

    @property
    def next(self) -> float:
        """The instant at which waiting ends; infinite if nothing waits, or has to wait for the group before."""
        return float("inf") if self._published else self._close_at

    def add(self, path: str, now: float, taken: float, *, urgent: bool) -> None:
        """The outputs of this path are written, which has taken this many seconds in all."""
        (self._urgent if urgent else self._gathering).append(path)
        self._close_at = min(self._close_at, now + (min(GATHER, HASTE * taken) if urgent else GATHER))

    def close(self, now: float, under_way: int) -> tuple[str, ...]:
        """The paths to publish now, if any. under_way: the number of paths that are under way, with those that wait."""
        waiting = len(self._urgent) + len(self._gathering)
        if self._published or not (now >= self._close_at or waiting >= ENOUGH or 0 < waiting == under_way):
            return ()
        line = self._urgent + self._gathering
        self._published = tuple(line[:MOST_TOGETHER])
        self._urgent = self._urgent[MOST_TOGETHER:]
        self._gathering = line[MOST_TOGETHER + len(self._urgent) :]
        self._close_at = now if waiting > MOST_TOGETHER else float("inf")
        return self._published

    def ended(self) -> tuple[str, ...]:
        """The paths that were being published."""
        paths, self._published = self._published, ()
        return paths
