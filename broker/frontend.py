"""The frontend: who submits what, and how each task's one outcome reaches its client."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from filterfleet.broker.actions import Side
from filterfleet.broker.outbox import Outbox
from filterfleet.broker.scheduler import Scheduler
from filterfleet.broker.settings import Settings
from filterfleet.broker.state import OPAQUE, Submitter, Task, TaskState
from filterfleet.broker.timers import Timers
from filterfleet.common.errors import ProtocolError
from filterfleet.common.wire import (
    Accepted,
    Beat,
    Busy,
    Cancel,
    Catalogue,
    Data,
    Envelope,
    Failed,
    Get,
    Hello,
    Message,
    Result,
    ResultOk,
    Status,
    StatusRequest,
    Submit,
    encode,
)
from filterfleet.common.wire.codec import FRAMES_LIMIT
from filterfleet.common.wire.liveness import Liveness, Randomness

FRONT, BACK = Side.FRONTEND, Side.BACKEND
BODY_LIMIT = FRAMES_LIMIT - len(encode([]))  # frames of what a TASK carries


class ClientDesk:
    """Clients and their tasks. A task leaves the table when its client has acknowledged the outcome."""

    def __init__(
        self,
        settings: Settings,
        rng: Randomness,
        life: bytes,
        outbox: Outbox,
        timers: Timers,
        report: Callable[[], dict[str, Any]],
    ) -> None:
        self.clients: dict[bytes, Submitter] = {}
        self.tasks = 0
        self.held_bytes = 0
        self.result_bytes = 0
        self.catalogue = Catalogue((), 0)
        self.scheduler: Scheduler  # set by the core, which makes both
        self._settings = settings
        self._rng = rng
        self._life = life
        self._outbox = outbox
        self._timers = timers
        self._report = report
        self._handlers: dict[type, Callable[[Submitter, Any, float], None]] = {
            Beat: self._on_beat,
            Submit: self._on_submit,
            Cancel: self._on_cancel,
            ResultOk: self._on_result_ok,
            Get: self._on_get,
            Data: self._on_data,
            StatusRequest: self._on_status,
        }

    # --- messages ----

    def on_messages(self, peer: bytes, messages: list[Message], now: float) -> None:
        """PPX messages of one peer. Raises ProtocolError on one that is not a client's to send."""
        client = self.clients.get(peer)
        if client is None:
            if self._turned_away():
                return
            liveness = Liveness(now, self._settings.interval, self._settings.missed)
            client = self.clients[peer] = Submitter(peer, self._rng.randbytes(8), False, liveness)
            self._hello(client)
        client.liveness.heard(now)
        for message in messages:
            handler = self._handlers.get(type(message))
            if handler is None:
                raise ProtocolError(f"a client does not send {type(message).__name__.upper()}")
            handler(client, message, now)

    def on_envelope(self, peer: bytes, envelope: Envelope, now: float) -> None:
        """The request of a basic client: opaque, volatile, and dropped when there is no room, or when a TASK for a
        worker of ours could not carry it."""
        size = sum(len(frame) for frame in envelope.body)
        task = Task(peer, self._rng.randbytes(8), b"", OPAQUE, 0, size, envelope.body, stack=envelope.stack)
        client = self.clients.get(peer) or Submitter(peer, b"", True, Liveness(now))
        if len(envelope.body) > BODY_LIMIT or not self._room_for(client, task):
            self._outbox.count("basic_request_dropped")
            return
        if not client.tasks and self._turned_away():
            return
        self.clients[peer] = client
        self._add(client, task)
        self._timers.at(now + self._settings.opaque_life, self._on_opaque_age, task)

    def _hello(self, client: Submitter) -> None:
        settings = self._settings
        hello = Hello(self._life, client.session, settings.interval, settings.missed, settings.inline_limit)
        self._outbox.send(FRONT, client.peer, hello)
        self._outbox.send(FRONT, client.peer, self.catalogue)

    def _on_beat(self, client: Submitter, beat: Beat, _now: float) -> None:
        if beat.session != client.session:
            self._hello(client)

    def _on_submit(self, client: Submitter, submit: Submit, now: float) -> None:
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
            )
            if not self._room_for(client, task):
                self._outbox.counters["refused"] += 1
                self._outbox.counters["refused_bytes"] += task.held_bytes
                self._outbox.send(FRONT, client.peer, Busy(submit.id, self._settings.busy_delay))
                return
            self._add(client, task)
        self._outbox.send(FRONT, client.peer, Accepted(submit.id))
        if known is not None and known.outcome is not None:
            self._send_outcome(known, now)

    def _on_cancel(self, client: Submitter, cancel: Cancel, _now: float) -> None:
        task = client.tasks.get(cancel.id)
        if task is not None:
            self._end(task)

    def _on_result_ok(self, client: Submitter, ok: ResultOk, _now: float) -> None:
        task = client.tasks.get(ok.id)
        if task is None:
            return
        if task.state is TaskState.DELIVERING:
            for lease in list(task.leases):  # the one whose outputs were pulled
                self.scheduler.release(lease)
                self._outbox.send(BACK, lease.worker.peer, ResultOk(lease.token))
        self._end(task)  # in any state: it may run again only because its worker died after the last chunk

    def _on_get(self, client: Submitter, get: Get, now: float) -> None:
        task = client.tasks.get(get.id)
        if task is not None and task.state is TaskState.DELIVERING:
            for lease in task.leases:
                self.scheduler.renew(lease, now)
                self._outbox.send(BACK, lease.worker.peer, replace(get, id=lease.token))

    def _on_data(self, client: Submitter, data: Data, now: float) -> None:
        task = client.tasks.get(data.id)
        if task is not None and data.blob == "":
            for lease in task.leases:  # two when a straggler is raced: each ignores what it did not ask for
                if lease.pulling:
                    self.scheduler.renew(lease, now)
                    self._outbox.send(BACK, lease.worker.peer, replace(data, id=lease.token))

    def _on_status(self, client: Submitter, _request: StatusRequest, _now: float) -> None:
        self._outbox.send(FRONT, client.peer, Status(self._report()))

    # --- the life of a task ----

    def _room_for(self, client: Submitter, task: Task) -> bool:
        """One client may hold so many times what is left: however many fill the broker, each ends up with as much as
        the others, and who comes later still finds room (A. Choudhury and E. Hahne, "Dynamic Queue Length Thresholds
        for Shared-Memory Packet Switches", IEEE/ACM Transactions on Networking 6(2), 1998)."""
        limits = self._settings
        size = task.held_bytes
        share = limits.share if task.priority else limits.urgent_share
        tasks_left, bytes_left = limits.tasks - self.tasks, limits.held_bytes - self.held_bytes
        bytes_fit = size <= bytes_left and client.held_bytes + size <= share * bytes_left
        queue = self.scheduler.queue
        kind_fits = queue.kinds(client.peer) < limits.kinds or queue.has_kind(task)
        return kind_fits and len(client.tasks) + 1 <= share * tasks_left and (bytes_fit or self.held_bytes == 0)

    def takes_result(self, task: Task) -> bool:
        """Whether the task's client may have one more result wait for its RESULTOK, by the same rule as above: one that
        does not acknowledge keeps its own tasks waiting, and nobody else's."""
        left = self._settings.result_bytes - self.result_bytes
        return self.clients[task.client].result_bytes <= max(0, left)

    def _hold(self, client: Submitter, size: int, result: int = 0) -> None:
        """So many bytes more, or fewer, of what comes with tasks and of results."""
        self.held_bytes += size
        client.held_bytes += size
        self.result_bytes += result
        client.result_bytes += result

    def _turned_away(self) -> bool:
        """Whether there is no place for one more client; it is not answered, and comes back after a while."""
        if len(self.clients) < self._settings.peers:
            return False
        self._outbox.count("client_turned_away", limit=self._settings.peers)
        return True

    def _add(self, client: Submitter, task: Task) -> None:
        client.tasks[task.id] = task
        self.tasks += 1
        self._hold(client, task.held_bytes)
        self.scheduler.queue.push(task)
        self._outbox.counters["submitted"] += 1

    def _end(self, task: Task) -> None:
        self.scheduler.drop(task)
        client = self.clients[task.client]
        self._hold(client, -task.held_bytes, -task.result_bytes)
        self.tasks -= 1
        del client.tasks[task.id]
        if client.basic and not client.tasks:
            del self.clients[task.client]

    def deliver(self, task: Task, outcome: Result | Failed, now: float) -> None:
        """Give the client its task's outcome, again and again until it is acknowledged."""
        client, before, result_before = self.clients[task.client], task.held_bytes, task.result_bytes
        task.state = TaskState.DELIVERING
        task.outcome = replace(outcome, id=task.id)
        if not task.leases:
            task.payload = ()  # with a lease left the outputs are pulled from a worker that may still die
        self._hold(client, task.held_bytes - before, task.result_bytes - result_before)
        self._send_outcome(task, now)

    def answer(self, task: Task, *body: Any) -> None:
        """Give a basic client its reply; it cannot acknowledge, so this is the end of the task."""
        self._outbox.send_frames(FRONT, task.client, *task.stack, b"", *body)
        self._end(task)

    def give_up(self, task: Task, reason: str, now: float) -> None:
        self._outbox.count("dead_lettered", reason=reason)
        if task.opaque:
            self._end(task)
        else:
            self.deliver(task, Failed(task.id, "permanent", reason), now)

    def _send_outcome(self, task: Task, now: float) -> None:
        assert task.outcome is not None
        self._outbox.send(FRONT, task.client, task.outcome)
        self._timers.at(now + self._settings.resend, self._on_resend, task)

    def _on_resend(self, task: Task, now: float) -> None:
        if task.state is TaskState.DELIVERING:
            self._send_outcome(task, now)

    def _on_opaque_age(self, task: Task, now: float) -> None:
        """Nobody waits for the answer any more; a basic worker that still has the request is taken for dead."""
        self._outbox.count("basic_request_expired")
        silent = [lease.worker for lease in task.leases if lease.worker.basic]
        self._end(task)
        for worker in silent:
            self.scheduler.lose_worker(worker, now)

    # --- presence ----

    def drop(self, client: Submitter) -> None:
        """The client is gone, and with it everybody who wanted its tasks done."""
        if client.tasks:
            self._outbox.note("client_lost", tasks=len(client.tasks))
        for task in list(client.tasks.values()):
            self._end(task)
        self.clients.pop(client.peer, None)

    def beat(self, now: float) -> None:
        for client in [client for client in self.clients.values() if not client.basic]:
            if client.liveness.expired(now):
                self.drop(client)
            else:
                self._outbox.heartbeat(FRONT, client.peer)

    def publish(self, catalogue: Catalogue) -> None:
        if catalogue != self.catalogue:
            self.catalogue = catalogue
            for client in self.clients.values():
                if not client.basic:
                    self._outbox.send(FRONT, client.peer, catalogue)
