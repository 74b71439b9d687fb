"""What must hold: of the broker at every moment, and of everybody at the end."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from filterfleet.broker.books import Books
from filterfleet.broker.core import BrokerCore
from filterfleet.broker.settings import Settings
from filterfleet.broker.state import OBJECT, Lease, Task, TaskState, held_by
from filterfleet.common.wire import TAG, Credit, parse
from filterfleet.listener.core.core import ListenerCore
from filterfleet.listener.core.scan import Version
from filterfleet.listener.core.settings import Failures
from filterfleet.listener.core.work import State
from tests.simulation.photos import ENDS, FOR_GOOD, Photo
from tests.simulation.router import Frames

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
        self._slots: dict[bytes, int] = {}  # that each worker has asked for last

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
            self.audit()

    def hear(self, peer: bytes, frames: Frames) -> None:
        """The broker is about to hear this from a worker."""
        if len(frames) > 2 and b"CREDIT" in frames[2]:
            found = parse(frames, extended=peer.startswith(TAG))
            for message in found if isinstance(found, list) else ():
                if isinstance(message, Credit):
                    self._slots[peer] = message.slots

    def audit(self) -> None:
        """Check all of the books, at the instant of the last look."""
        _audit(self._core, self._instant)

    def _check_grant(self, lease: Lease) -> None:
        worker, task = lease.worker, lease.task
        if worker.draining:
            raise InvariantError(f"{worker.host} is given work and wants to leave")
        slots = 1 if worker.basic else self._slots.get(worker.peer, 0)
        if len(worker.leases) > slots:
            raise InvariantError(f"{worker.host} holds {len(worker.leases)} leases and has asked for {slots}")
        if len(worker.leases) > 1 and any(other.alone for other in worker.leases.values()):
            raise InvariantError(f"{worker.host} runs a trial beside other tasks")
        self._check_results(lease)
        if not lease.alone and len(task.leases) == 1:
            self._check_priority(lease)

    def _check_results(self, lease: Lease) -> None:
        clients, limit = self._core.books.clients, self._core.settings.result_bytes
        of_each = {peer: _results(client.tasks.values()) for peer, client in clients.items()}
        if of_each[lease.task.client] > max(0, limit - sum(of_each.values())):
            raise InvariantError("a task is begun while its client leaves too many results where they are")

    def _check_priority(self, lease: Lease) -> None:
        scheduler = self._core.scheduler
        more_urgent = [task for task in scheduler.queue if task.priority < lease.task.priority]
        if any(scheduler.may_run(lease.worker, task) for task in more_urgent):
            raise InvariantError("a task is begun while a more urgent one waits")


def _results(tasks: Iterable[Task]) -> int:
    """Bytes of outputs that the broker holds."""
    return sum(len(frame) + OBJECT for task in tasks for frame in getattr(task.outcome, "payload", ()))


def _audit_books(books: Books, settings: Settings, tasks: list[Task]) -> None:
    results = _results(tasks)
    if books.tasks != len(tasks) or books.held_bytes != sum(task.held_bytes for task in tasks):
        raise InvariantError("the broker's counts of tasks or bytes are not those of its tasks")
    if any(task.held_bytes != held_by(task) for task in tasks):
        raise InvariantError("a task holds other bytes than are counted")
    if books.result_bytes != results:
        raise InvariantError("the broker's count of results is not that of its tasks")
    if len(tasks) > settings.tasks:
        raise InvariantError(f"the broker holds {len(tasks)} tasks and may hold {settings.tasks}")
    if books.held_bytes > settings.held_bytes:
        raise InvariantError("the broker holds more bytes than it may")


def _audit(core: BrokerCore, now: float) -> None:
    """No task in limbo, no lease without its task and worker, nothing held beyond the caps or outside the books."""
    tasks = list(core.books.every_task())
    _audit_books(core.books, core.settings, tasks)
    scheduler = core.scheduler
    waiting = sum(task.state is TaskState.WAITING for task in tasks)
    if waiting != scheduler.waiting:
        raise InvariantError("a task that waits is in no queue, or one in a queue is not waiting")
    for task in tasks:
        _check_leases(task.state, len(task.leases), delivering=task.outcome is not None)
    leased = [lease for worker in scheduler.workers.values() for lease in worker.leases.values()]
    if {*leased} != {*scheduler.leases.values()} or {*leased} != {lease for task in tasks for lease in task.leases}:
        raise InvariantError("a lease is not known to its worker, its task and the scheduler alike")
    if any(lease.expires <= now for lease in leased):
        raise InvariantError("a lease is past its time")
    for worker in scheduler.workers.values():
        if worker.reserved and worker is not scheduler.trials.worker:
            raise InvariantError(f"{worker.host} is reserved for no trial")


def _check_leases(state: TaskState, leases: int, *, delivering: bool) -> None:
    allowed = {TaskState.RUNNING: (1, 2), TaskState.DELIVERING: (0, 1)}.get(state, (0,))
    if leases not in allowed:
        raise InvariantError(f"a task that is {state.value} has {leases} leases")
    if delivering is not (state is TaskState.DELIVERING):
        raise InvariantError(f"a task that is {state.value} has {'an' if delivering else 'no'} outcome")


def audit_listener(core: ListenerCore) -> None:
    """The window holds what is on its way to an outcome, no more and no less; and every job has somebody who waits for
    it."""
    desk = core.desk
    works = desk.works
    window = {path for path, work in works.items() if work.state not in (State.CLEARING, State.LEAVING)}
    if window != desk.intake.active:
        raise InvariantError(f"the window holds {sorted(desk.intake.active)} and not {sorted(window)}")
    for id_, job in desk.jobs.in_hand.items():
        if not job.waiting or any(works[path].job != id_ for path in job.waiting):
            raise InvariantError("a job is waited for by nobody, or by somebody else's work")
    processing = {path for path, work in works.items() if work.state is State.PROCESSING}
    if processing - {path for job in desk.jobs.in_hand.values() for path in job.waiting}:
        raise InvariantError("a path waits for no job")


def check_outcomes(listener: ListenerNode) -> None:
    """Every photo has the one outcome it deserves, durably, and no version was recorded twice."""
    ledger = listener.ledger
    ledger.crash()
    reasons = {failure.path: failure.reason for failure in ledger.failures()}
    for path, photo in listener.source.expected.items():
        state = ledger.state(path, photo.version)
        ended = _wrong_end(listener, photo, state, reasons.get(path, ""))
        if ended is not None:
            raise InvariantError(f"{listener.name}: {path}, {photo.key!r}, {photo.kind}: {ended}")
    for path, *version, times in ledger._db.execute("SELECT path, size, mtime_ns, tag, times FROM results"):
        if times > 1 + ledger.ordered[path, Version(*version)]:
            raise InvariantError(f"{listener.name} has recorded a result twice")


def _wrong_end(listener: ListenerNode, photo: Photo, state: str | None, reason: str) -> str | None:
    path = photo.path
    if listener.ledger.is_skippable(path, photo.version):
        return None if state == "skipped" else f"was there before the first listing, and is {state}"
    told = path in listener.output.failed
    if photo.kind in ENDS:
        if state == "failed" and not reason.startswith(ENDS[photo.kind]):
            return f"failed, because {reason}"
        if photo.kind in FOR_GOOD and told is not (listener.settings.failures is not Failures.OFF):
            return f"has failed, and that is {'' if told else 'not '}told at the output"
        return None if state == "failed" or photo.kind not in FOR_GOOD else f"is {state}"
    output, made = listener.output, photo.made_under(listener.recipe.of(path))
    if state != "done" or (output.outputs.get(path) != made and path not in output.removed):
        return f"is {state}, and its outputs are {'' if path in output.outputs else 'not '}there"
    if told:
        return "is done, and the output still tells of a failure"
    if (
        listener.settings.departs
        and path in listener.source.photos
        and (path, photo.version) not in listener.ledger.stayed
    ):
        return "is done, and has not left the source"
    return None


def what_is_held(world: World) -> str | None:
    """Who still holds something although everything is done and acknowledged; the lazy pirate always asks on."""
    for broker in world.brokers_left:
        books = broker.core.books
        if any(task.client.startswith(TAG) for task in books.every_task()):
            return f"{broker.name} still holds {books.tasks} tasks, {books.held_bytes} bytes"
        for worker in broker.core.scheduler.workers.values():
            if not worker.basic and not all(lease.task.opaque for lease in worker.leases.values()):
                return f"{worker.host} still has {len(worker.leases)} leases at {broker.name}: credit has leaked"
    for node in world.workers:
        if any(not lease.opaque for session in node.sessions for lease in session._leases.values()):
            return f"{node.name} still holds leases"
        if any(len(shelf.files) for shelf in node.shelves):
            return f"{node.name} still holds files of images that it pulled"
    for listener in world.listeners:
        if len(listener.fleet.shelf.files):
            return f"{listener.name} still holds files of outputs that it pulled"
    return None if world.lazy.number else "the lazy pirate was never answered"
