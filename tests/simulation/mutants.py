"""Bugs planted in the cores, by name. The simulation is only worth its name if it catches each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from broker.clients import ClientDesk
from broker.peers import Lease, Task, Worker
from broker.scheduler import Scheduler
from broker.workers import WorkerDesk
from common.client_core import ClientCore

Patch = tuple[type, str, Callable[..., Any]]


def _expiry_off(self: Scheduler, lease: Lease, now: float) -> None:
    """Leases never expire: a task whose thread hangs is waited for until its worker gives up."""


def _credit_leaked(self: Scheduler, lease: Lease) -> None:
    """The slot of an ended lease is not given back to its worker."""
    del self.leases[lease.token]
    lease.task.leases.remove(lease)


_original_release = Scheduler.release
_ended: dict[bytes, Lease] = {}


def _remembering_release(self: Scheduler, lease: Lease) -> None:
    _ended[lease.token] = lease
    if lease.token in self.leases:
        _original_release(self, lease)


def _stale_token_accepted(self: WorkerDesk, worker: Worker, token: bytes) -> Lease | None:
    """A lease that has ended is as good as a live one."""
    return worker.leases.get(token) or _ended.get(token)


def _lost_tasks_forgotten(self: Scheduler, task: Task, now: float, *, alone: bool, calm: bool) -> None:
    """The tasks of a dead worker are not queued again."""


def _blame_at_once(self: Scheduler, task: Task, now: float, *, alone: bool, calm: bool) -> None:
    """Whoever was in a worker that died three times is called poison, without a trial."""
    task.losses += 1
    if task.losses >= self.settings.shared_losses:
        self._give_up(task, f"The worker process died while it worked on this image ({task.losses} times).")
    else:
        self._requeue(task)


def _hello_ignored(self: ClientCore, hello: Any, now: float) -> None:
    """The client takes up the new session without submitting again."""
    self._session = hello.session
    self.connected = True


def _outcome_sent_once(self: ClientDesk, subject: Any, now: float) -> None:
    """An outcome that nobody acknowledged is not sent again."""


def _delivered_twice(self: ClientCore, job: bytes) -> Any:
    """A result that comes again is handed to the application again."""
    return self._jobs.get(job)


def _trial_in_company(self: Scheduler, now: float) -> list[Lease]:
    """Suspects run beside other tasks."""
    granted = []
    for task in list(self.suspects):
        worker = next((w for w in self.workers.values() if w.open and self._eligible(task, w)), None)
        if worker is not None:
            self.suspects.remove(task)
            granted.append(self._grant(task, worker, now, alone=True))
    return granted


MUTANTS: dict[str, tuple[Patch, ...]] = {
    "expiry off": ((Scheduler, "_on_expiry", _expiry_off),),
    "credit leaked": ((Scheduler, "release", _credit_leaked),),
    "stale token accepted": (
        (Scheduler, "release", _remembering_release),
        (WorkerDesk, "_lease", _stale_token_accepted),
    ),
    "lost tasks forgotten": ((Scheduler, "_after_loss", _lost_tasks_forgotten),),
    "blame at once": ((Scheduler, "_after_loss", _blame_at_once),),
    "trial in company": ((Scheduler, "_start_trial", _trial_in_company),),
    "hello ignored": ((ClientCore, "_on_hello", _hello_ignored),),
    "outcome sent once": ((ClientDesk, "_on_resend", _outcome_sent_once),),
    "delivered twice": ((ClientCore, "_open_entry", _delivered_twice),),
}


@contextmanager
def planted(name: str) -> Iterator[None]:
    """The cores with this bug in them."""
    originals = [(owner, attribute, getattr(owner, attribute)) for owner, attribute, _ in MUTANTS[name]]
    try:
        for owner, attribute, replacement in MUTANTS[name]:
            setattr(owner, attribute, replacement)
        yield
    finally:
        for owner, attribute, original in originals:
            setattr(owner, attribute, original)
        _ended.clear()
