"""Bugs planted in the cores, by name. The simulation is only worth its name if it catches each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from msgspec.structs import replace

from filterfleet.broker import backend, columns, fairness
from filterfleet.broker.backend import WorkerDesk
from filterfleet.broker.books import Books
from filterfleet.broker.delivery import Delivery
from filterfleet.broker.fairness import FairQueue
from filterfleet.broker.frontend import ClientDesk
from filterfleet.broker.relay import Relay, _Asker
from filterfleet.broker.scheduler import Scheduler
from filterfleet.broker.state import Lease, Task, Worker
from filterfleet.broker.trials import Trials
from filterfleet.broker.verdicts import GaveUp, Verdict
from filterfleet.common.client import core
from filterfleet.common.client.core import ClientCore
from filterfleet.common.client.flow import Flow
from filterfleet.common.client.submissions import Submissions
from filterfleet.common.wire import ResultOk
from filterfleet.common.wire.link import Link
from filterfleet.common.wire.pull import Pull
from filterfleet.listener.ledger.ledger import Ledger
from filterfleet.worker.leases.actions import Run
from filterfleet.worker.leases.runs import Key, Runs
from filterfleet.worker.leases.session import WorkerSession
from tests.simulation.column_mutants import COLUMN_MUTANTS
from tests.simulation.door_mutants import DOOR_MUTANTS
from tests.simulation.listener_mutants import LISTENER_MUTANTS
from tests.simulation.naming_mutants import NAMING_MUTANTS
from tests.simulation.share_mutants import SHARE_MUTANTS

Patch = tuple[type | ModuleType, str, Any]


def _expiry_off(self: Scheduler, lease: Lease, now: float) -> list[Verdict]:
    """Leases never expire: a task whose thread hangs is waited for until its worker gives up."""
    return []


def _credit_leaked(self: Scheduler, lease: Lease) -> None:
    """The slot of an ended lease is not given back to its worker."""
    del self.leases[lease.token]
    lease.task.leases = tuple(other for other in lease.task.leases if other is not lease)


_original_release = Scheduler.release
_ended: dict[bytes, Lease] = {}


def _remembering_release(self: Scheduler, lease: Lease) -> None:
    _ended[lease.token] = lease
    if lease.token in self.leases:
        _original_release(self, lease)


def _stale_token_accepted(self: WorkerDesk, worker: Worker, token: bytes) -> Lease | None:
    """A lease that has ended is as good as a live one."""
    return worker.leases.get(token) or _ended.get(token)


def _lost_tasks_forgotten(self: Scheduler, lease: Lease, now: float, *, alone: bool, blamed: bool) -> list[GaveUp]:
    """The tasks of a dead worker are not queued again."""
    return []


def _blame_at_once(self: Scheduler, lease: Lease, now: float, *, alone: bool, blamed: bool) -> list[GaveUp]:
    """A task whose worker died three times is called poison, without a trial."""
    task = lease.task
    task.losses += 1
    if task.losses >= self.settings.shared_losses:
        return [
            GaveUp(task, f"The worker process died while it worked on this image ({task.losses} times).", lease.worker)
        ]
    self._requeue(task)
    return []


def _hello_ignored(self: ClientCore, hello: Any, now: float) -> None:
    """The client takes up the new session without submitting again."""
    self._session = hello.session
    self.connected = True


def _outcome_sent_once(self: Delivery, subject: Any, now: float) -> None:
    """An outcome that nobody acknowledged is not sent again."""


def _delivered_twice(self: ClientCore, job: bytes) -> Any:
    """A result that comes again is handed to the application again."""
    return self._jobs.get(job)


def _trial_in_company(self: Scheduler, now: float) -> list[Lease]:
    """Suspects run beside other tasks."""
    granted = []
    for task in list(self.trials.suspects):
        worker = next((w for w in self.workers.values() if w.open and self.may_run(w, task)), None)
        if worker is not None:
            self.trials.suspects.remove(task)
            granted += self._grant([task], worker, now, alone=True)
    return granted


def _leaver_open(self: Worker) -> bool:
    """A worker that drains is given work."""
    return not self.reserved and len(self.leases) < self.slots


def _backfill_first(self: FairQueue, eligible: Any, _most: int = 1) -> list[Task]:
    """The least urgent task is begun first."""
    for lane in (self._lanes[priority] for priority in sorted(self._lanes, reverse=True)):
        for line in (line for lines in lane.values() for line in lines.values()):
            for tasks in line.values():
                if eligible(task := next(iter(tasks.values()))):
                    self.remove(task)
                    return [task]
    return []


def _kept_apart_by_needs(task: Task) -> Any:
    """A task that avoids a worker blocks what is behind it."""
    return task.needs, b""


def _fail_forever(self: Scheduler, lease: Lease, reason: str, now: float) -> list[GaveUp]:
    """A task that fails is tried again without limit."""
    self.release(lease)
    if not lease.task.leases:
        self._requeue_at(now + self.settings.retry_delay, lease.task)
    return []


def _retry_forgotten(self: Scheduler, task: Task) -> None:
    """The alarm of a task that was to be tried again does nothing."""


def _acknowledged_at_once(self: ClientCore, entry: Any, *outcome: Any) -> None:
    """An outcome is acknowledged when it comes, not when it has been recorded."""
    _original_deliver(self, entry, *outcome)
    self._send(ResultOk(entry.job.id))


_original_deliver = ClientCore._deliver


def _never_committed(self: Ledger) -> None:
    """What is recorded stays in an open transaction."""


def _version_ignored(self: Ledger, path: str, version: Any, *args: Any, **named: Any) -> None:
    """The result of an old version of a file is recorded for the one that took its place."""
    _original_done(self, path, self.settled().get(path, version), *args, **named)


_original_done = Ledger.done


def _always_room(self: ClientDesk, *_: Any) -> bool:
    """Tasks and bytes have no cap."""
    return True


def _results_piled_up(_self: Books, _task: Any) -> bool:
    """Work goes on for a client that does not acknowledge."""
    return True


def _busy_forgotten(self: Submissions, job: bytes, _retry_at: float, now: float) -> None:
    """A job the broker had no room for is taken for accepted."""
    self.accepted([job], now)


def _window_leaked(self: Flow, _jobs: int, _size: int) -> None:
    """What has been answered still counts as on its way."""


def _bytes_leaked(self: Books, *tasks: Task) -> None:
    """The bytes of a task that has ended are still counted."""
    self.held_bytes += sum(task.held_bytes for task in tasks)
    _original_remove(self, *tasks)


_original_remove = Books.remove


def _dead_client_kept(self: ClientDesk, client: Any) -> None:
    """The tasks of a client that is gone stay for ever."""
    self._books.clients.pop(client.peer, None)


def _reservation_kept(self: Trials) -> None:
    """A worker that was emptied for a trial is never open again."""
    self.worker = None


def _race_not_ended(self: Scheduler, lease: Lease, now: float) -> list[Verdict]:
    """The loser of a race keeps its lease."""
    if lease.alone:
        lease.alone = False
        self.trials.end()
    return []


def _task_taken_twice(self: WorkerSession, task: Any, now: float) -> None:
    """A worker runs a task again that comes again."""
    self._leases.pop(task.id, None)
    _original_on_task(self, task, now)


_original_on_task = WorkerSession._on_task


def _trial_in_a_crowd(self: Runs) -> tuple[Key, Run] | None:
    """A worker begins what comes next, although an image on trial runs or is to run by itself."""
    if not self._waiting or len(self._running) >= self._threads:
        return None
    key, run = next(iter(self._waiting.items()))
    self._running[key] = self._waiting.pop(key)
    return key, run


def _first_broker_only(self: Link, now: float) -> None:
    """A client whose broker has died waits for that one."""
    self._reopen_at = now + self._backoff.next()


def _part_counted_twice(self: Pull, offset: int, length: int) -> bool:
    """A part of an image that comes twice stands for one that is missing."""
    self._asked.pop(offset, None)
    self._taken[offset] = length
    return True


def _passed_on_at_once(self: Relay, side: Any, peer: bytes, lease: Lease, get: Any, now: float) -> None:
    """Whatever a peer asks for is asked for, however much it is."""
    key = lease.token, get.blob, get.offset
    asker = self._askers.setdefault((side, peer), _Asker())
    asker.of_lease[lease.token] += key not in asker.waiting
    asker.waiting[key] = replace(get, id=lease.token)


def _room_kept(self: Relay, side: Any, peer: bytes, lease: Lease, data: Any) -> bool:
    """A part that has come still counts as under way."""
    return (lease.token, data.blob, data.offset) in self._askers[side, peer].under_way


def _results_unchecked(*_: Any) -> None:
    """A worker is believed, whatever it announces."""


MUTANTS: dict[str, tuple[Patch, ...]] = {
    "expiry off": ((Scheduler, "expire", _expiry_off),),
    "credit leaked": ((Scheduler, "release", _credit_leaked),),
    "stale token accepted": (
        (Scheduler, "release", _remembering_release),
        (WorkerDesk, "_lease", _stale_token_accepted),
    ),
    "lost tasks forgotten": ((Scheduler, "_after_loss", _lost_tasks_forgotten),),
    "blame at once": ((Scheduler, "_after_loss", _blame_at_once),),
    "trial in company": ((Scheduler, "_start_trial", _trial_in_company),),
    "hello ignored": ((ClientCore, "_on_hello", _hello_ignored),),
    "outcome sent once": ((Delivery, "resend", _outcome_sent_once),),
    "delivered twice": ((ClientCore, "_open_entry", _delivered_twice),),
    "leaver given work": ((Worker, "open", property(_leaver_open)),),
    "backfill before fresh": ((FairQueue, "pop", _backfill_first),),
    "line blocked by its head": ((fairness, "_kind", _kept_apart_by_needs),),
    "retries without limit": ((Scheduler, "fail", _fail_forever),),
    "retry forgotten": ((Scheduler, "retry", _retry_forgotten),),
    "acknowledged before recorded": ((ClientCore, "_deliver", _acknowledged_at_once),),
    "never committed": ((Ledger, "commit", _never_committed),),
    "version ignored": ((Ledger, "done", _version_ignored),),
    "caps ignored": ((ClientDesk, "_room_for", _always_room),),
    "results piled up": ((Books, "takes_result", _results_piled_up),),
    "busy forgotten": ((Submissions, "refused", _busy_forgotten),),
    "window leaked": ((Flow, "answered", _window_leaked),),
    "bytes leaked": ((Books, "remove", _bytes_leaked),),
    "dead client kept": ((ClientDesk, "drop", _dead_client_kept),),
    "reservation kept": ((Trials, "end", _reservation_kept),),
    "race not ended": ((Scheduler, "finish", _race_not_ended),),
    "task taken twice": ((WorkerSession, "_on_task", _task_taken_twice),),
    "trial in a crowd": ((Runs, "next", _trial_in_a_crowd),),
    "first broker only": ((Link, "breaks", _first_broker_only),),
    "part counted twice": ((Pull, "take", _part_counted_twice),),
    "requests without limit": ((Relay, "ask", _passed_on_at_once),),
    "room for parts kept": ((Relay, "answers", _room_kept),),
    "results unchecked": (
        (backend, "check_outputs", _results_unchecked),
        (columns, "check_outputs", _results_unchecked),
        (core, "check_outputs", _results_unchecked),
    ),
    **COLUMN_MUTANTS,
    **DOOR_MUTANTS,
    **SHARE_MUTANTS,
    **NAMING_MUTANTS,
    **LISTENER_MUTANTS,
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
