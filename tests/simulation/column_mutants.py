"""Bugs planted in what travels in columns, in acknowledgements that wait, and in credits that change."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import Any

from filterfleet.broker import columns
from filterfleet.broker.acks import Acks
from filterfleet.broker.backend import WorkerDesk
from filterfleet.broker.fairness import FairQueue
from filterfleet.broker.scheduler import Scheduler
from filterfleet.broker.state import Lease, Task, Worker
from filterfleet.common.client import core
from filterfleet.common.wire import Credit

Patch = tuple[type | ModuleType, str, Any]


def _shifted(payload: Any, sizes: Sequence[int]) -> list[bytes]:
    """Each job gets the image of the next one."""
    images = _original_cut(payload, sizes)
    return [*images[1:], *images[:1]] if len(set(sizes)) == 1 else images


_original_cut = columns.cut


def _told_never(self: Acks, peer: bytes) -> None:
    """Acknowledgements wait for ever."""
    self._due.pop(peer, None)


def _credit_never_taken_back(self: WorkerDesk, worker: Worker, credit: Credit, now: float) -> None:
    """A worker that asks for fewer tasks than before gets as many."""
    before = worker.slots
    _original_on_credit(self, worker, credit, now)
    worker.slots = max(before, worker.slots)


_original_on_credit = WorkerDesk._on_credit


def _tail_lost(self: FairQueue, tasks: Sequence[Task]) -> None:
    """The last one of many jobs is not queued."""
    _original_push_all(self, tasks[:-1] if len(tasks) > 1 else tasks)


_original_push_all = FairQueue.push_all


def _one_token(self: Scheduler, tasks: list[Task], worker: Worker, now: float, *, alone: bool = False) -> list[Lease]:
    """Tasks that are granted together have one token."""
    granted = _original_grant(self, tasks, worker, now, alone=alone)
    for lease in granted[1:]:
        lease.token = granted[0].token
    return granted


_original_grant = Scheduler._grant


def _unchecked(*_: Any) -> None:
    """The client relies on the broker."""


def _all_fit(_leases: Any, _results: Any, _limit: int) -> bool:
    """Results in columns may have any outputs."""
    return True


def _columns_for_everybody(lease: Lease) -> bytes | None:
    """Workers get tasks in columns whether they know them or not."""
    before, lease.worker.minor = lease.worker.minor, 1
    recipe = _original_recipe(lease)
    lease.worker.minor = before
    return recipe


_original_recipe = columns._recipe_in_columns


COLUMN_MUTANTS: dict[str, tuple[Patch, ...]] = {
    "column shifted": ((columns, "cut", _shifted),),
    "acknowledgement held for ever": ((Acks, "tell", _told_never),),
    "credit never taken back": ((WorkerDesk, "_on_credit", _credit_never_taken_back),),
    "tail of a batch lost": ((FairQueue, "push_all", _tail_lost),),
    "one token for many": ((Scheduler, "_grant", _one_token),),
    "columns unchecked": ((columns, "all_fit", _all_fit), (core, "check_outputs", _unchecked)),
    "columns for everybody": ((columns, "_recipe_in_columns", _columns_for_everybody),),
}
