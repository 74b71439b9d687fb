"""The frontend: clients submit tasks here, and get the one outcome of each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import msgpack
from msgspec.structs import replace

from filterfleet.broker import columns
from filterfleet.broker.acks import Acks
from filterfleet.broker.actions import Side
from filterfleet.broker.books import Books
from filterfleet.broker.delivery import Delivery
from filterfleet.broker.outbox import Outbox
from filterfleet.broker.relay import Relay
from filterfleet.broker.report import Reporter
from filterfleet.broker.scheduler import Scheduler
from filterfleet.broker.settings import Settings
from filterfleet.broker.state import (
    OPAQUE,
    Lease,
    LeaseState,
    Submitter,
    Task,
    TaskState,
    Worker,
    held_by,
    size_of,
)
from filterfleet.broker.timers import Alarm, Timers
from filterfleet.broker.verdicts import Overran
from filterfleet.common import wire
from filterfleet.common.errors import ProtocolError
from filterfleet.common.jobs.ids import short_id
from filterfleet.common.wire.codec import FRAMES_LIMIT
from filterfleet.common.wire.columns import rows
from filterfleet.common.wire.liveness import Liveness, Randomness

FRONT, BACK = Side.FRONTEND, Side.BACKEND
WORKER_BYTES = 1000  # that a worker takes in a status report, or an outcome beside its outputs, roughly
BODY_LIMIT = FRAMES_LIMIT - len(wire.encode([]))  # frames that one TASK can carry


class ClientDesk:
    """Deals with clients and their tasks. A task leaves the books when its client has acknowledged the outcome."""

    def __init__(
        self,
        settings: Settings,
        rng: Randomness,
        life: bytes,
        outbox: Outbox,
        timers: Timers,
        books: Books,
        scheduler: Scheduler,
        relay: Relay,
        acks: Acks,
        delivery: Delivery,
        reporter: Reporter,
    ) -> None:
        self._settings = settings
        self._rng = rng
        self._life = life
        self._outbox = outbox
        self._reporter = reporter
        self._timers = timers
        self._books = books
        self._scheduler = scheduler
        self._relay = relay
        self._acks = acks
        self._delivery = delivery
        self._catalogue = wire.Catalogue((), 0)
        self._handlers: dict[type, Callable[[Submitter, Any, float], None]] = {
            wire.Submits: self._on_submits,
            wire.Submit: self._on_submit,
            wire.ResultOks: self._on_result_oks,
            wire.ResultOk: self._on_result_ok,
            wire.Data: self._on_data,
            wire.Get: self._on_get,
            wire.Beat: self._on_beat,
            wire.Cancel: self._on_cancel,
            wire.StatusRequest: self._on_status_request,
        }

    # --- messages ----

    def on_messages(self, peer: bytes, messages: list[wire.Message], now: float, owner: str) -> None:
        """PPX messages of one peer. Raises ProtocolError on one that a client may not send."""
        client = self._books.clients.get(peer)
        if client is None:
            if messages and all(isinstance(message, wire.StatusRequest) for message in messages):
                self._tell_status(peer, now)  # it is an observer, and wants nothing else
                return
            if self._turned_away():
                return
            liveness = Liveness(now, self._settings.interval, self._settings.missed)
            client = self._books.clients[peer] = Submitter(peer, self._rng.randbytes(8), False, liveness, owner=owner)
            self._hello(client)
        client.liveness.heard(now)
        for message in messages:
            handler = self._handlers.get(type(message))
            if handler is None:
                raise ProtocolError(f"a client does not send {message.NAME}")
            handler(client, message, now)

    def _on_beat(self, client: Submitter, beat: wire.Beat, _now: float) -> None:
        client.minor = beat.minor
        if beat.session != client.session:
            self._hello(client)

    def _on_cancel(self, client: Submitter, cancel: wire.Cancel, _now: float) -> None:
        if (task := client.tasks.get(cancel.id)) is not None:
            self._end(task)

    def on_envelope(self, peer: bytes, envelope: wire.Envelope, now: float, owner: str) -> None:
        """The request of a basic client. It is opaque and volatile, and dropped when there is no room or when a TASK
        for one of our workers could not carry it."""
        size = sum(len(frame) for frame in envelope.body)
        task = Task(peer, self._rng.randbytes(8), b"", OPAQUE, 0, size, envelope.body, stack=envelope.stack)
        client = self._books.clients.get(peer) or Submitter(peer, b"", True, Liveness(now), owner=owner)
        task.owner = client.owner
        if reason := self._scheduler.repeats.recall(task, now):
            self._outbox.count("basic_request_refused", reason=reason)
            self._reply(task, _error(reason))
            return
        task.held_bytes = held_by(task)
        if len(envelope.body) > BODY_LIMIT or not self._room_for(client, task):
            self._outbox.count("basic_request_dropped")
            return
        if not client.tasks and self._turned_away():
            return
        self._books.clients[peer] = client
        self._add(client, task)
        self._timers.at(now + self._settings.opaque_life, Alarm.AGE, task)

    def _on_status_request(self, client: Submitter, _request: wire.StatusRequest, now: float) -> None:
        self._tell_status(client.peer, now)

    def _tell_status(self, peer: bytes, now: float) -> None:
        if not self._relay.may_send(FRONT, peer, WORKER_BYTES * (1 + self._reporter.rows)):
            self._outbox.count("status_not_told")
            return
        self._outbox.send(FRONT, peer, self._reporter.status(now))

    def _hello(self, client: Submitter) -> None:
        """Nothing for a client that does not read what it has asked for."""
        if not self._relay.may_send(FRONT, client.peer, size_of(self._catalogue.filters)):
            return
        settings = self._settings
        hello = wire.Hello(
            self._life, client.session, settings.interval, settings.missed, settings.inline_limit, wire.MINOR
        )
        self._outbox.send(FRONT, client.peer, hello)
        self._outbox.send(FRONT, client.peer, self._catalogue)

    def _on_submit(self, client: Submitter, submit: wire.Submit, now: float) -> None:
        known = client.tasks.get(submit.id)
        if known is None:
            task = Task(
                client.peer,
                submit.id,
                submit.recipe,
                frozenset(submit.needs),
                submit.priority,
                submit.size,
                submit.payload,
                submit.outputs,
                submit.largest,
                owner=client.owner,
                reference=submit.reference,
            )
            task.held_bytes = held_by(task)
            if not self._room_for(client, task):
                self._refuse(client, task)
                return
            self._add(client, task)
        self._acks.owe(client.peer, client.minor, [submit.id], now)
        if (
            known is not None
            and known.outcome is not None
            and self._relay.may_send(FRONT, client.peer, known.result_bytes + WORKER_BYTES)
        ):
            self._delivery.send_outcome(known, now)

    def _on_submits(self, client: Submitter, submits: wire.Submits, now: float) -> None:
        """All together when all are new and there is room for them, and otherwise one by one."""
        tasks = columns.tasks_of(client, submits)
        if client.tasks.keys().isdisjoint(submits.ids) and self._room_for(client, *tasks):
            self._add(client, *tasks)
            self._acks.owe(client.peer, client.minor, submits.ids, now)
        else:
            for submit in rows(submits):
                self._on_submit(client, cast("wire.Submit", submit), now)

    def _refuse(self, client: Submitter, task: Task) -> None:
        """The client takes whatever it has sent before for lost unless it has an answer, so BUSY overtakes none."""
        self._acks.tell(client.peer)
        self._outbox.counters["refused"] += 1
        self._outbox.counters["refused_bytes"] += task.held_bytes
        self._outbox.send(FRONT, client.peer, wire.Busy(task.id, self._settings.busy_delay))

    def _on_result_oks(self, client: Submitter, oks: wire.ResultOks, now: float) -> None:
        over = []
        for id_ in oks.ids:
            task = client.tasks.get(id_)
            if task is not None and task.state is TaskState.DELIVERING and not task.leases:
                over.append(task)
                task.state = TaskState.ENDED
            else:
                self._on_result_ok(client, wire.ResultOk(id_), now)
        if over:
            self._timers.forget(*over)
            self._books.remove(*over)

    def _on_result_ok(self, client: Submitter, ok: wire.ResultOk, _now: float) -> None:
        task = client.tasks.get(ok.id)
        if task is None:
            return
        if task.state is TaskState.DELIVERING:
            for lease in list(task.leases):  # the one whose outputs were pulled
                self._scheduler.release(lease)
                self._outbox.send(BACK, lease.worker.peer, wire.ResultOk(lease.token))
        self._end(task)  # in any state: it runs again if its worker died after the last chunk was pulled

    def _on_get(self, client: Submitter, get: wire.Get, now: float) -> None:
        task = client.tasks.get(get.id)
        if task is not None and task.state is TaskState.DELIVERING and get.blob:
            for lease in task.leases:
                self._relay.ask(FRONT, client.peer, lease, get, now)

    def _on_data(self, client: Submitter, data: wire.Data, now: float) -> None:
        task = client.tasks.get(data.id)
        if task is not None and data.blob == "":
            for lease in task.leases:  # two during a race
                if self._relay.answers(BACK, lease.worker.peer, lease, data):
                    self._scheduler.carried(lease, len(data.payload[0]), task.size, now)
                    self._outbox.send(BACK, lease.worker.peer, replace(data, id=lease.token))

    # --- the life of a task ----

    def _room_for(self, client: Submitter, *tasks: Task) -> bool:
        """Whether there is room for these tasks of one kind."""
        queue, task = self._scheduler.queue, tasks[0]
        kind_fits = queue.has_kind(task) or (
            queue.kinds(client.owner, client.peer) < self._settings.kinds
            and queue.kinds_of(client.owner) < self._settings.owner_kinds
        )
        size = sum(task.held_bytes for task in tasks)
        return kind_fits and self._books.has_room(client, task.priority, size, len(tasks))

    def _turned_away(self) -> bool:
        """Whether there is no place for one more client. It is not answered, and will try again later."""
        if len(self._books.clients) < self._settings.peers:
            return False
        self._outbox.count("client_turned_away", limit=self._settings.peers)
        return True

    def _add(self, client: Submitter, *tasks: Task) -> None:
        self._books.add(client, *tasks)
        self._scheduler.take_in(*tasks)
        self._outbox.counters["submitted"] += len(tasks)

    def _end(self, task: Task) -> None:
        for revoked in self._scheduler.drop(task):
            self._outbox.revoke(revoked.lease)
        self._books.remove(task)

    def answer(self, task: Task, body: tuple[wire.Payload, ...]) -> None:
        """Send a basic client the reply of a worker. It cannot acknowledge, so the task ends here."""
        self._scheduler.repeats.forgive(task)
        self._reply(task, body)
        self._end(task)

    def _reply(self, task: Task, body: tuple[wire.Payload, ...]) -> None:
        """Nothing for a basic client that does not read, or that has left."""
        if task in self._books.orphans:
            return
        if self._relay.may_send(FRONT, task.client, size_of(body)):
            self._outbox.send_frames(FRONT, task.client, *task.stack, b"", *body)
        else:
            self._outbox.count("basic_reply_dropped")

    def give_up(self, task: Task, reason: str, worker: Worker, now: float) -> None:
        """The task will not be tried again; this worker was the last. All basic clients that ask the same are told."""
        self._outbox.counters["dead_lettered"] += 1
        self._outbox.warn("dead_lettered", job=short_id(task.id), worker=worker.host, reason=reason)
        if not task.opaque:
            self._delivery.deliver(task, wire.Failed(task.id, "permanent", reason, worker.host), now)
            return
        self._scheduler.repeats.refuse(task, reason, now)
        for asked in [task, *self._scheduler.waiting_like(task)]:
            self._reply(asked, _error(reason))
            self._end(asked)

    def age(self, task: Task) -> list[Overran]:
        """The basic client has stopped waiting for its answer. A basic worker that still has the request is overdue."""
        self._outbox.count("basic_request_expired")
        overdue = [Overran(lease.worker) for lease in task.leases if lease.worker.basic]
        self._end(task)
        return overdue

    # --- presence ----

    def drop(self, client: Submitter) -> None:
        """The client is gone, and nobody else wants its tasks. A basic client's request with which a worker is busy
        goes on: it may be what the worker dies of, and that has to be known when it is repeated."""
        if client.tasks:
            self._outbox.note("client_lost", owner=client.owner, tasks=len(client.tasks))
        for task in list(client.tasks.values()):
            if task.opaque and any(map(_has_begun, task.leases)):
                self._books.orphan(task)
            else:
                self._end(task)
        self._acks.forget(client.peer)
        self._books.clients.pop(client.peer, None)

    def bury(self) -> None:
        """End what is wanted by nobody and is not under way any more."""
        if not self._books.orphans:
            return
        for task in [task for task in self._books.orphans if not task.leases]:
            self._end(task)

    def beat(self, now: float) -> None:
        """Drop the clients that have been silent for too long, and send the others a heartbeat."""
        for client in [client for client in self._books.clients.values() if not client.basic]:
            if client.liveness.expired(now):
                self.drop(client)
            else:
                self._outbox.heartbeat(FRONT, client.peer)

    def publish(self, catalogue: wire.Catalogue) -> None:
        """Tell every client what the fleet can do, if that has changed."""
        if catalogue is not self._catalogue and catalogue != self._catalogue:
            self._catalogue = catalogue
            for client in self._books.clients.values():
                if not client.basic:
                    self._outbox.send(FRONT, client.peer, catalogue)


def _has_begun(lease: Lease) -> bool:
    """As far as the broker can know; a basic worker does not say."""
    return lease.alone or lease.worker.basic or lease.state is LeaseState.BEGUN


def _error(reason: str) -> tuple[bytes]:
    """The reply to a basic client that gets no result, in the form that our workers use."""
    return (msgpack.packb({"error": reason}),)
