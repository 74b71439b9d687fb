"""Which image a free thread of this process begins next."""

from __future__ import annotations

from filterfleet.worker.leases.session import Run

Key = tuple[int, bytes]  # which broker, and its lease


class Runs:
    """In order of arrival, except that an image on trial runs alone: it begins when everything else has ended, what a
    thread is stuck in included, and nothing begins beside it."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._waiting: dict[Key, Run] = {}
        self._running: dict[Key, Run] = {}

    def add(self, key: Key, run: Run) -> None:
        """Of a lease that runs, having been cancelled and granted again, what comes is the outcome."""
        if key not in self._running:
            self._waiting[key] = run

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
        """Do not begin this run; one that has begun goes on."""
        self._waiting.pop(key, None)
