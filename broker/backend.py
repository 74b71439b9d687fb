"""The backend: who works, under which leases, and what comes back. Nothing a worker says reaches a client
unless it names a live lease of that very worker."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from filterfleet.broker.actions import Side
from filterfleet.broker.frontend import ClientDesk
from filterfleet.broker.outbox import Outbox
from filterfleet.broker.scheduler import Scheduler
from filterfleet.broker.settings import Settings
from filterfleet.broker.state import Lease, TaskState, Worker
from filterfleet.common.errors import ProtocolError
from filterfleet.common.wire import (
    Beat,
    Cancel,
    Catalogue,
    Credit,
    Data,
    Drain,
    Envelope,
    Failed,
    Get,
    Hello,
    Message,
    Nack,
    Result,
    ResultOk,
    Task,
)
from filterfleet.common.wire.liveness import Liveness, Randomness
from filterfleet.common.wire.messages import NAMES_LIMIT

CANCELS = 64  # tokens of no lease that one BEAT is told of; it comes again
FRONT, BACK = Side.FRONTEND, Side.BACKEND


class WorkerDesk:
    def __init__(
        self,
        settings: Settings,
        rng: Randomness,
        life: bytes,
        outbox: Outbox,
        scheduler: Scheduler,
        clients: ClientDesk,
    ) -> None:
        self._settings = settings
        self._rng = rng
        self._life = life
        self._outbox = outbox
        self._scheduler = scheduler
        self._clients = clients
        self._catalogue: Catalogue | None = None  # until a worker comes, goes or changes
        self._handlers: dict[type, Callable[[Worker, Any, float], None]] = {
            Beat: self._on_beat,
            Credit: self._on_credit,
            Result: self._on_result,
            Failed: self._on_failed,
            Nack: self._on_nack,
            Drain: self._on_drain,
            Get: self._on_get,
            Data: self._on_data,
        }

    # --- RFC 6/PPP ----

    def on_ready(self, peer: bytes, now: float, *, basic: bool) -> None:
        """READY: a new worker, or a known one that has started again under its old routing id."""
        worker = self._scheduler.workers.get(peer)
        if worker is None:
            self._register(peer, now, basic=basic)
            return
        worker.liveness.heard(now)
        if not basic:
            self._hello(worker)
        elif worker.leases:
            self._scheduler.lose(worker, now)
            self._register(peer, now, basic=True)

    def on_heartbeat(self, peer: bytes, now: float, *, basic: bool) -> None:
        """A heartbeat is never a credit; only from a worker we do not know does it stand for READY."""
        worker = self._scheduler.workers.get(peer)
        if worker is None:
            self._register(peer, now, basic=basic)
            return
        worker.liveness.heard(now)
        if not basic:
            self._hello(worker)  # it does not know yet that we speak PPX: the first HELLO was lost

    def on_envelope(self, peer: bytes, envelope: Envelope, now: float, *, basic: bool) -> None:
        """The reply of a basic worker; its address stack is the lease token we sent."""
        worker = self._scheduler.workers.get(peer) or self._register(peer, now, basic=basic)
        if worker is None:
            return
        worker.liveness.heard(now)
        lease = self._lease(worker, envelope.stack[0]) if len(envelope.stack) == 1 else None
        if lease is None or not lease.task.opaque:
            self._outbox.count("stale_reply")
            return
        self._scheduler.finish(lease, now)
        self._scheduler.release(lease)
        self._clients.answer(lease.task, *envelope.body)

    def _register(self, peer: bytes, now: float, *, basic: bool) -> Worker | None:
        """None when there is no place for one more; it is not answered, and comes back after a while."""
        if len(self._scheduler.workers) >= self._settings.peers:
            self._outbox.count("worker_turned_away", limit=self._settings.peers)
            return None
        liveness = Liveness(now, self._settings.interval, self._settings.missed)
        worker = Worker(peer, self._rng.randbytes(8), basic, liveness, slots=int(basic))
        self._scheduler.workers[peer] = worker
        self._catalogue = None
        if not basic:
            self._hello(worker)
        self._outbox.note("worker_registered", basic=basic, worker=peer.hex())
        return worker

    def _hello(self, worker: Worker) -> None:
        settings = self._settings
        hello = Hello(self._life, worker.session, settings.interval, settings.missed, settings.inline_limit)
        self._outbox.send(BACK, worker.peer, hello)

    # --- PPX ----

    def on_messages(self, peer: bytes, messages: list[Message], now: float) -> None:
        """PPX messages of one peer. Raises ProtocolError on one that is not a worker's to send."""
        worker = self._scheduler.workers.get(peer) or self._register(peer, now, basic=False)
        if worker is None:
            return
        worker.liveness.heard(now)
        for message in messages:
            handler = self._handlers.get(type(message))
            if handler is None:
                raise ProtocolError(f"a worker does not send {type(message).__name__.upper()}")
            handler(worker, message, now)

    def _lease(self, worker: Worker, token: bytes) -> Lease | None:
        """The live lease of this worker with this token, if there is one."""
        return worker.leases.get(token)

    def _on_beat(self, worker: Worker, beat: Beat, now: float) -> None:
        """Compare what the worker holds with what we believe it holds, and mend the difference."""
        if beat.session != worker.session or not worker.credited:
            self._hello(worker)  # the one before was lost, or the CREDIT that answered it
            return
        held = set(beat.leases)
        for lease in _lost_on_the_way(worker, held, now - self._settings.dispatch_patience):
            self._outbox.count("lease_not_received")
            self._scheduler.give_back(lease)
        waiting = set(beat.waiting)
        for lease in [worker.leases[token] for token in beat.leases if token in worker.leases]:
            if lease.token in waiting:
                lease.pulling = False
                self._scheduler.renew(lease, now)
            lease.begun = lease.token not in waiting and not lease.pulling
        for token in [token for token in beat.leases if token not in worker.leases][:CANCELS]:
            self._outbox.send(BACK, worker.peer, Cancel(token))

    def _on_credit(self, worker: Worker, credit: Credit, _now: float) -> None:
        self._catalogue = None
        worker.credited = True
        worker.slots = credit.slots
        worker.threads = credit.threads
        worker.needs_served = frozenset(credit.filters)
        worker.host = credit.host
        worker.version = credit.version

    def _on_result(self, worker: Worker, result: Result, now: float) -> None:
        lease = self._lease(worker, result.id)
        if lease is None:
            self._outbox.count("stale_result")
            self._outbox.send(BACK, worker.peer, ResultOk(result.id))
            return
        task = lease.task
        if task.state is TaskState.DELIVERING:
            return  # sent again while its outputs are being pulled
        if task.opaque and not result.payload:
            raise ProtocolError("the answer for a basic client is sent inline")
        if not task.opaque and sum(map(len, result.payload)) > self._settings.inline_limit:
            raise ProtocolError("outputs over the inline limit are pulled")
        self._scheduler.finish(lease, now)
        if result.payload or not result.outputs:
            self._scheduler.release(lease)
            self._outbox.send(BACK, worker.peer, ResultOk(result.id))
        else:
            self._scheduler.renew(lease, now)
        self._outbox.counters["results"] += 1
        if task.opaque:
            self._clients.answer(task, *result.payload)
        else:
            self._clients.deliver(task, result, now)

    def _on_failed(self, worker: Worker, failed: Failed, now: float) -> None:
        self._outbox.send(BACK, worker.peer, ResultOk(failed.id))
        lease = self._lease(worker, failed.id)
        if lease is None:
            self._outbox.count("stale_result")
        elif failed.kind == "transient":
            self._scheduler.fail(lease, failed.reason, now)
        else:
            self._scheduler.finish(lease, now)
            self._scheduler.release(lease)
            self._outbox.counters["failures"] += 1
            self._clients.give_up(lease.task, failed.reason, now)

    def _on_nack(self, worker: Worker, nack: Nack, _now: float) -> None:
        lease = self._lease(worker, nack.id)
        if lease is not None:
            self._scheduler.give_back(lease)

    def _on_drain(self, worker: Worker, _drain: Drain, _now: float) -> None:
        self._catalogue = None
        worker.draining = True

    def _on_get(self, worker: Worker, get: Get, _now: float) -> None:
        lease = self._lease(worker, get.id)
        if lease is not None and get.blob == "":
            lease.pulling = True
            lease.begun = False
            self._outbox.send(FRONT, lease.task.client, replace(get, id=lease.task.id))

    def _on_data(self, worker: Worker, data: Data, _now: float) -> None:
        lease = self._lease(worker, data.id)
        if lease is not None and lease.task.state is TaskState.DELIVERING:
            self._outbox.send(FRONT, lease.task.client, replace(data, id=lease.task.id))

    # --- the other way ----

    def dispatch(self, lease: Lease) -> None:
        task = lease.task
        if lease.worker.basic:
            self._outbox.send_frames(BACK, lease.worker.peer, lease.token, b"", *task.payload)
            return
        timeout = self._settings.task_timeout
        message = Task(lease.token, task.recipe, task.size, timeout, task.opaque, lease.alone, task.payload)
        self._outbox.send(BACK, lease.worker.peer, message)

    def revoke(self, lease: Lease) -> None:
        if not lease.worker.basic:
            self._outbox.send(BACK, lease.worker.peer, Cancel(lease.token))

    def lose(self, worker: Worker, now: float) -> None:
        if worker.draining and not worker.leases:
            self._outbox.note("worker_left", worker=worker.peer.hex(), host=worker.host)
        else:
            self._outbox.note("worker_lost", worker=worker.peer.hex(), host=worker.host, leases=len(worker.leases))
            self._outbox.counters["workers_lost"] += 1
        self._catalogue = None
        self._scheduler.lose(worker, now)

    def beat(self, now: float) -> None:
        for worker in list(self._scheduler.workers.values()):
            busy = worker.basic and worker.leases  # a basic worker may fall silent while it works
            if worker.liveness.expired(now) and not busy:
                self.lose(worker, now)
            else:
                self._outbox.heartbeat(BACK, worker.peer)

    def catalogue(self) -> Catalogue:
        if self._catalogue is None:
            self._catalogue = self._look_at_workers()
        return self._catalogue

    def _look_at_workers(self) -> Catalogue:
        workers = [worker for worker in self._scheduler.workers.values() if not worker.draining]
        filters = sorted(frozenset().union(*(worker.needs_served for worker in workers)))
        return Catalogue(tuple(filters[:NAMES_LIMIT]), sum(worker.threads for worker in workers if not worker.basic))


def _lost_on_the_way(worker: Worker, held: set[bytes], old: float) -> list[Lease]:
    """Leases that the worker will never have: it holds a later one, and messages arrive in order; or they were
    granted before the instant `old`. Less time proves nothing: a slow link may carry a task for long."""
    leases = list(worker.leases.values())
    last = max((n for n, lease in enumerate(leases) if lease.token in held), default=0)
    return [lease for n, lease in enumerate(leases) if lease.token not in held and (n < last or lease.began < old)]
