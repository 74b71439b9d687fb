"""Work that waits for something: said when that has lasted for a moment, and when it has passed. Pure state."""

from __future__ import annotations

from collections.abc import Iterable

from filterfleet.common.contacts import Line

# Seconds that something may be waited for before the log says so. More forgives workers that come and go; less warns
# sooner.
PATIENCE = 2.0


class WaitLog:
    """Look at what is waited for, in words, once a second or so. Instants are seconds of any one clock."""

    def __init__(self) -> None:
        self._since: dict[str, float] = {}
        self._said: set[str] = set()

    @property
    def lasting(self) -> list[str]:
        """What has been waited for long enough to be said."""
        return sorted(self._said)

    def look(self, waits: Iterable[str], pending: int, now: float) -> list[Line]:
        """pending: how much work waits for it."""
        present = set(waits)
        lines = []
        for wait in sorted(self._since.keys() - present):
            seconds = round(now - self._since.pop(wait), 1)
            if wait in self._said:
                self._said.discard(wait)
                lines.append(Line("info", "work goes on", {"waited_for": wait, "seconds": seconds}))
        for wait in sorted(present):
            since = self._since.setdefault(wait, now)
            if wait not in self._said and now - since >= PATIENCE:
                self._said.add(wait)
                lines.append(Line("warning", "work waits", {"reason": wait, "pending": pending}))
        return lines
