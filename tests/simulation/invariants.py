"""What must hold: of the broker at every moment, and of everybody at the end."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from filterfleet.broker.core import BrokerCore
from filterfleet.broker.frontend import ClientDesk
from filterfleet.broker.settings import Settings
from filterfleet.broker.state import OBJECT, Lease, Task, TaskState
from filterfleet.common.wire import TAG
from tests.simulation.photos import ENDS

if TYPE_CHECKING:
    from tests.simulation.listener_node import ListenerNode
    from tests.simulation.world import World

AUDIT_INTERVAL = 0.5  # seconds


class InvariantError(AssertionError):
    """An invariant does not hold."""


class BrokerWatch:
    """Looks at a broker's core after every tick: at new leases always, at all of its books now and then."""

    def __init__(self, core: BrokerCore) -> None:
        self._core = core
        self._next_audit = 0.0
        self._instant = 0.0
        self._looked_at: set[bytes] = set()  # tokens of leases granted at this instant

    def look(self, now: float) -> None:
        if now > self._instant:
            self._instant = now
            self._looked_at.clear()
        for lease in reversed(self._core.scheduler.leases.values()):
            if lease.began < now or lease.token in self._looked_at:
                break
            self._looked_at.add(lease.token)
            self._check_grant(lease)
        if self._next_audit <= now:
            self._next_audit = now + AUDIT_INTERVAL
            audit(self._core)

    def _check_grant(self, lease: Lease) -> None:
        worker, task = lease.worker, lease.task
        if worker.draining:
            raise InvariantError(f"{worker.host} is given work and wants to leave")
        if len(worker.leases) > max(worker.slots, 1):
            raise InvariantError(f"{worker.host} holds {len(worker.leases)} leases and has {worker.slots} slots")
        if len(worker.leases) > 1 and any(other.alone for other in worker.leases.values()):
            raise InvariantError(f"{worker.host} runs a trial beside other tasks")
        self._check_results(lease)
        if not lease.alone and len(task.leases) == 1:
            self._check_priority(lease)

    def _check_results(self, lease: Lease) -> None:
        desk = self._core._clients
        of_each = {peer: _results(client.tasks.values()) for peer, client in desk.clients.items()}
        if of_each[lease.task.client] > max(0, desk._settings.result_bytes - sum(of_each.values())):
            raise InvariantError("a task is begun while its client leaves too many results where they are")

    def _check_priority(self, lease: Lease) -> None:
        scheduler = self._core.scheduler
        for priority, lane in scheduler.queue._lanes.items():
            if priority < lease.task.priority:
                waiting = [task for line in lane.values() for tasks in line.values() for task in tasks.values()]
                if any(scheduler._eligible(task, lease.worker) for task in waiting):
                    raise InvariantError("a task is begun while a more urgent one waits")


def _results(tasks: Iterable[Task]) -> int:
    """Bytes of outputs that the broker holds."""
    return sum(len(frame) + OBJECT for task in tasks for frame in getattr(task.outcome, "payload", ()))


def _audit_books(desk: ClientDesk, settings: Settings, tasks: list[Task]) -> None:
    results = _results(tasks)
    if desk.tasks != len(tasks) or desk.held_bytes != sum(task.held_bytes for task in tasks):
        raise InvariantError("the broker's counts of tasks or bytes are not those of its tasks")
    if desk.result_bytes != results:
        raise InvariantError("the broker's count of results is not that of its tasks")
    if len(tasks) > settings.tasks:
        raise InvariantError(f"the broker holds {len(tasks)} tasks and may hold {settings.tasks}")
    if desk.held_bytes > settings.held_bytes:
        raise InvariantError("the broker holds more bytes than it may")


def audit(core: BrokerCore) -> None:
    """No task in limbo, no lease without its task and worker, nothing held beyond the caps or outside the books."""
    tasks = [task for client in core._clients.clients.values() for task in client.tasks.values()]
    _audit_books(core._clients, core.settings, tasks)
    scheduler = core.scheduler
    waiting = sum(task.state is TaskState.WAITING for task in tasks)
    if waiting != len(scheduler.queue) + len(scheduler.suspects):
        raise InvariantError("a task that waits is in no queue, or one in a queue is not waiting")
    for task in tasks:
        _check_leases(task.state, len(task.leases), delivering=task.outcome is not None)
    leased = [lease for worker in scheduler.workers.values() for lease in worker.leases.values()]
    if {*leased} != {*scheduler.leases.values()} or {*leased} != {lease for task in tasks for lease in task.leases}:
        raise InvariantError("a lease is not known to its worker, its task and the scheduler alike")
    if any(lease.expires <= core._now for lease in leased):
        raise InvariantError("a lease is past its time")
    for worker in scheduler.workers.values():
        if worker.reserved and worker is not scheduler._trial_worker:
            raise InvariantError(f"{worker.host} is reserved for no trial")


def _check_leases(state: TaskState, leases: int, *, delivering: bool) -> None:
    allowed = {TaskState.RUNNING: (1, 2), TaskState.DELIVERING: (0, 1)}.get(state, (0,))
    if leases not in allowed:
        raise InvariantError(f"a task that is {state.value} has {leases} leases")
    if delivering is not (state is TaskState.DELIVERING):
        raise InvariantError(f"a task that is {state.value} has {'an' if delivering else 'no'} outcome")


def check_outcomes(listener: ListenerNode) -> None:
    """Every photo has the one outcome it deserves, durably, and no version was recorded twice."""
    ledger = listener.ledger
    ledger._db.rollback()
    reasons = {failure.path: failure.reason for failure in ledger.failures()}
    done = {row[0] for row in ledger._db.execute("SELECT path FROM objects WHERE state = 'done'")}
    for path, photo in listener.source.items():
        if (path in reasons) == (path in done):
            raise InvariantError(f"{listener.name}: {photo.job!r} has not exactly one outcome in the ledger")
        if photo.kind in ENDS:
            good = reasons.get(path, "").startswith(ENDS[photo.kind])
        else:
            good = listener.outputs.get(path) == photo.made_of_it and path in done
        if not good:
            raise InvariantError(f"{listener.name}: {photo.job!r}, {photo.kind}, ended as {reasons.get(path, 'done')}")
    if ledger._db.execute("SELECT count(*) FROM results WHERE times > 1").fetchone() != (0,):
        raise InvariantError(f"{listener.name} has recorded a result twice")


def what_is_held(world: World) -> str | None:
    """Who still holds something although everything is done and acknowledged; the lazy pirate always asks on."""
    for broker in world.brokers_left:
        desk = broker.core._clients
        if any(client.tasks for client in desk.clients.values() if client.peer.startswith(TAG)):
            return f"{broker.name} still holds {desk.tasks} tasks, {desk.held_bytes} bytes"
        for worker in broker.core.scheduler.workers.values():
            if not worker.basic and not all(lease.task.opaque for lease in worker.leases.values()):
                return f"{worker.host} still has {len(worker.leases)} leases at {broker.name}: credit has leaked"
    for node in world.workers:
        if any(not lease.opaque for session in node.sessions for lease in session._leases.values()):
            return f"{node.name} still holds leases"
        if any(len(shelf.files) for shelf in node.shelves):
            return f"{node.name} still holds files of images that it pulled"
    for listener in world.listeners:
        if len(listener.shelf.files):
            return f"{listener.name} still holds files of outputs that it pulled"
    return None if world.lazy.number else "the lazy pirate was never answered"
