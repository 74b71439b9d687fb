"""Which image a free thread of this process begins next."""

from __future__ import annotations

from filterfleet.worker.leases.actions import Run

Key = tuple[int, bytes]  # the number of a broker, and its lease


class Runs:
    """Images begin in order of arrival, except for an image on trial, which runs alone. It begins when everything else
    has ended, including any image that a thread is stuck in, and nothing begins beside it."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._waiting: dict[Key, Run] = {}
        self._running: dict[Key, Run] = {}

    def add(self, key: Key, run: Run) -> bool:
        """Let a run wait for its turn. False when its lease is running already: it was cancelled and granted again, and
        the outcome of the run that has begun will be its outcome."""
        if key in self._running:
            return False
        self._waiting[key] = run
        return True

    def next(self) -> tuple[Key, Run] | None:
        """Begin a run, if one may begin now."""
        if not self._waiting or len(self._running) >= self._threads:
            return None
        key, run = next(iter(self._waiting.items()))
        if self._running and (run.alone or any(other.alone for other in self._running.values())):
            return None
        self._running[key] = self._waiting.pop(key)
        return key, run

    def ended(self, key: Key) -> None:
        del self._running[key]

    def drop(self, key: Key) -> None:
        """Do not begin this run. One that has begun goes on."""
        self._waiting.pop(key, None)
