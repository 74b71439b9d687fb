"""What basic clients' requests have cost, by their content.

A basic client repeats a request under a new routing id each time, and others may send the same. The broker cannot tell
a repetition from a new request, so it remembers the content of those that a worker has died of. Pure state.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from filterfleet.broker.state import Task


@dataclass(slots=True)
class Record:
    """`reason` says why nothing with this content is tried any more; it is empty while it may be tried."""

    until: float
    losses: int = 0
    trial_losses: int = 0
    reason: str = ""


_Content = tuple[int, bytes]  # size and sha256


class Repeats:
    """Remembers at most `most` contents, each for `life` seconds after the latest death."""

    def __init__(self, most: int, life: float) -> None:
        self._most = most
        self._life = life
        self._records: dict[_Content, Record] = {}  # the oldest first

    def recall(self, task: Task, now: float) -> str:
        """Give the request what its content has cost so far. Return why it must not be tried, or ""."""
        for content in [content for content, record in self._records.items() if record.until <= now]:
            del self._records[content]
        if all(size != task.size for size, _ in self._records):
            return ""
        record = self._records.get(_content(task))
        if record is None:
            return ""
        task.losses, task.trial_losses = record.losses, record.trial_losses
        return record.reason

    def lost(self, task: Task, now: float, *, blamed: bool) -> None:
        """A worker has died of the request, or beside it. Give it what its content has cost by now."""
        record = self._renewed(task, now)
        record.losses += 1
        record.trial_losses += blamed
        task.losses, task.trial_losses = record.losses, record.trial_losses

    def refuse(self, task: Task, reason: str, now: float) -> None:
        """Nothing with this content is to be tried for a while."""
        self._renewed(task, now).reason = reason

    def forgive(self, task: Task) -> None:
        """A worker has answered the request."""
        if any(size == task.size for size, _ in self._records):
            self._records.pop(_content(task), None)

    def _renewed(self, task: Task, now: float) -> Record:
        content = _content(task)
        record = self._records.pop(content, None) or Record(0.0)
        record.until = now + self._life
        self._records[content] = record
        if len(self._records) > self._most:
            del self._records[next(iter(self._records))]
        return record


def alike(task: Task, other: Task) -> bool:
    """Whether both are requests of basic clients with the same content."""
    return task.opaque and other.opaque and task.size == other.size and task.payload == other.payload


def _content(task: Task) -> _Content:
    digest = hashlib.sha256()
    for frame in task.payload:
        digest.update(len(frame).to_bytes(8, "big"))
        digest.update(frame)
    return task.size, digest.digest()
