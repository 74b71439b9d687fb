"""What became of a task's earlier attempts. Its client is told with the outcome, so that a job's story is whole.

An attempt is a lease that has ended without the task's outcome. One that was given back before a thread had begun, or
that never reached its worker, is none. The attempt that brings the outcome, or that was the last one before the task
was given up, is told by the outcome itself.
"""

from __future__ import annotations

from collections.abc import Iterable

from filterfleet.broker.state import Ending, Lease, LeaseState, Tried
from filterfleet.common import wire
from filterfleet.common.wire.messages import TRIES_LIMIT

REASON = 200  # characters that are kept: a worker may fail many tasks, and say much of each


def note(lease: Lease, ending: Ending, now: float, reason: str = "") -> None:
    """This lease ends now. The latest attempts are kept."""
    tried = Tried(lease.worker.host, ending, lease.began, now, reason[:REASON])
    lease.task.tried = (*lease.task.tried, tried)[-TRIES_LIMIT:]


def has_begun(lease: Lease) -> bool:
    """As far as the worker has said."""
    return lease.state is not LeaseState.SENT


def told(tried: Iterable[Tried], now: float) -> tuple[wire.Try, ...]:
    """The attempts as the wire carries them."""
    return tuple(
        wire.Try(one.worker, one.ending.value, one.ended - one.began, now - one.ended, one.reason) for one in tried
    )
