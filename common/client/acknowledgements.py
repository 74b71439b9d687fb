"""What the application has acknowledged and the broker has not been told."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from filterfleet.common import wire
from filterfleet.common.client.settings import HOLD

NEVER = float("inf")


class Acknowledgements:
    """They wait for a moment, so that one message carries many of them, unless the broker knows no such message."""

    def __init__(self) -> None:
        self._jobs: dict[bytes, None] = {}  # in order, and each once
        self._columns = False
        self.due = NEVER  # when the broker has to be told

    def restart(self, *, columns: bool) -> None:
        """There is another session, with a broker that holds no outcome of ours, and may know columns."""
        self._columns = columns
        self._jobs, self.due = {}, NEVER

    def add(self, jobs: Collection[bytes], now: float) -> None:
        if jobs and not self._jobs:
            self.due = now + HOLD if self._columns else now
        self._jobs.update(dict.fromkeys(jobs))

    def take(self) -> Sequence[wire.Message]:
        """The messages that tell the broker."""
        jobs, self._jobs, self.due = tuple(self._jobs), {}, NEVER
        if not self._columns:
            return [wire.ResultOk(job) for job in jobs]
        rows = wire.ROWS_LIMIT
        return [wire.ResultOks(jobs[first : first + rows]) for first in range(0, len(jobs), rows)]
