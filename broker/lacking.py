"""What keeps waiting tasks from running, in words: a filter that no worker has, or that there is no worker at all."""

from __future__ import annotations

from collections.abc import Iterable

from filterfleet.broker.scheduler import Scheduler
from filterfleet.broker.state import OPAQUE, Worker
from filterfleet.common.words import NOBODY, no_single_worker, no_worker_for

# Reasons that are told at once. More names more missing filters; less keeps strangers from filling the log with theirs.
MOST = 4


def lacking(scheduler: Scheduler) -> list[str]:
    """One reason for each kind of task that no worker could take, even if it were idle."""
    waiting = scheduler.queue.needs() | {task.needs for task in scheduler.trials.suspects}
    if not waiting:
        return []
    workers = [worker for worker in scheduler.workers.values() if not worker.draining and worker.slots]
    if not workers:
        return [NOBODY]
    ours = [worker for worker in workers if not worker.basic]
    reasons = {_reason(needs, ours) for needs in waiting if needs is not OPAQUE and not _is_served(needs, ours)}
    return sorted(reasons)[:MOST]


def _is_served(needs: frozenset[str], workers: Iterable[Worker]) -> bool:
    return any(needs <= worker.needs_served for worker in workers)


def _reason(needs: frozenset[str], workers: list[Worker]) -> str:
    everything = frozenset().union(*(worker.needs_served for worker in workers))
    return no_worker_for(needs, everything, len(workers)) or no_single_worker(needs)
