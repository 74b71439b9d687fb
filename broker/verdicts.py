"""What the scheduler has decided and others must carry out, in the order in which it was returned."""

from __future__ import annotations

from dataclasses import dataclass

from filterfleet.broker.state import Lease, Task, Worker


@dataclass(frozen=True, slots=True)
class GaveUp:
    """The task has no tries left. Its client must be told the reason, and the worker that was the last to try."""

    task: Task
    reason: str
    worker: Worker


@dataclass(frozen=True, slots=True)
class Revoked:
    """The lease has ended without the worker's doing. The worker should stop."""

    lease: Lease


@dataclass(frozen=True, slots=True)
class Overran:
    """A basic worker has run out of time. It cannot be told to stop, so it counts as lost."""

    worker: Worker


Verdict = GaveUp | Revoked | Overran
