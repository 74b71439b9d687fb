"""The backend: workers register here, run tasks under leases, and send outcomes back. Nothing that a worker says
reaches a client unless it names a live lease of that worker."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, cast

from msgspec.structs import replace

from filterfleet.broker import columns
from filterfleet.broker.acks import Acks
from filterfleet.broker.actions import Side
from filterfleet.broker.attendance import Attendance
from filterfleet.broker.delivery import Delivery
from filterfleet.broker.departures import How
from filterfleet.broker.frontend import ClientDesk
from filterfleet.broker.outbox import Outbox
from filterfleet.broker.relay import Relay
from filterfleet.broker.report import Reporter
from filterfleet.broker.scheduler import Scheduler
from filterfleet.broker.settings import Settings
from filterfleet.broker.state import Lease, LeaseState, TaskState, Worker
from filterfleet.broker.verdicts import GaveUp, Overran, Revoked, Verdict
from filterfleet.common import wire
from filterfleet.common.errors import ProtocolError
from filterfleet.common.jobs.ids import short_id
from filterfleet.common.jobs.job import check_outputs
from filterfleet.common.wire.columns import results as rows_of
from filterfleet.common.wire.fields import NAMES_LIMIT
from filterfleet.common.wire.liveness import Liveness, Randomness

FRONT, BACK = Side.FRONTEND, Side.BACKEND
STATUS_BYTES = 1000  # of a brief report, roughly


class WorkerDesk:
    """Deals with workers, and carries out what the scheduler decides about their leases."""

    def __init__(
        self,
        settings: Settings,
        rng: Randomness,
        life: bytes,
        outbox: Outbox,
        scheduler: Scheduler,
        clients: ClientDesk,
        relay: Relay,
        acks: Acks,
        delivery: Delivery,
        reporter: Reporter,
        attendance: Attendance,
    ) -> None:
        self._settings = settings
        self._rng = rng
        self._life = life
        self._outbox = outbox
        self._scheduler = scheduler
        self._clients = clients
        self._relay = relay
        self._acks = acks
        self._delivery = delivery
        self._reporter = reporter
        self._attendance = attendance
        self._catalogue: wire.Catalogue | None = None  # None: a worker has come, gone or changed since
        self.handlers: dict[type, Callable[[Worker, Any, float], None]] = {
            wire.Results: self._on_results,
            wire.Result: self._on_result,
            wire.Beat: self._on_beat,
            wire.Get: self._on_get,
            wire.Data: self._on_data,
            wire.Failed: self._on_failed,
            wire.Nack: self._on_nack,
            wire.Credit: self._on_credit,
            wire.Drain: self._on_drain,
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
            self.carry_out(self._scheduler.lose(worker, now), now)
            self._register(peer, now, basic=True)

    def on_heartbeat(self, peer: bytes, now: float, *, basic: bool) -> None:
        """A heartbeat is never a credit. Only from an unknown worker does it stand for READY."""
        worker = self._scheduler.workers.get(peer)
        if worker is None:
            self._register(peer, now, basic=basic)
            return
        worker.liveness.heard(now)
        if not basic:
            self._hello(worker)  # it does not know yet that we speak PPX: the first HELLO was lost

    def on_envelope(self, peer: bytes, envelope: wire.Envelope, now: float, *, basic: bool) -> None:
        """The reply of a basic worker. Its address stack is the lease token that we sent."""
        worker = self._scheduler.workers.get(peer) or self._register(peer, now, basic=basic)
        if worker is None:
            return
        worker.liveness.heard(now)
        lease = self._lease(worker, envelope.stack[0]) if len(envelope.stack) == 1 else None
        if lease is None or not lease.task.opaque:
            self._outbox.count("stale_reply")
            return
        self.carry_out(self._scheduler.finish(lease, now), now)
        self._scheduler.release(lease)
        self._clients.answer(lease.task, envelope.body)

    def _register(self, peer: bytes, now: float, *, basic: bool) -> Worker | None:
        """None when there is no place for one more worker. It is not answered, and will try again later."""
        if len(self._scheduler.workers) >= self._settings.peers:
            self._outbox.count("worker_turned_away", limit=self._settings.peers)
            return None
        liveness = Liveness(now, self._settings.interval, self._settings.missed)
        worker = Worker(peer, self._rng.randbytes(8), basic, liveness, slots=int(basic), since=now)
        self._scheduler.workers[peer] = worker
        self._catalogue = None
        if not basic:
            self._hello(worker)
        self._attendance.registered(worker)
        return worker

    def _hello(self, worker: Worker) -> None:
        settings = self._settings
        hello = wire.Hello(
            self._life, worker.session, settings.interval, settings.missed, settings.inline_limit, wire.MINOR
        )
        self._outbox.send(BACK, worker.peer, hello)

    # --- PPX ----

    def on_messages(self, peer: bytes, messages: list[wire.Message], now: float, owner: str) -> None:
        """PPX messages of one peer. Raises ProtocolError on one that a worker may not send."""
        worker = self._scheduler.workers.get(peer)
        if worker is None and messages and all(isinstance(message, wire.StatusRequest) for message in messages):
            self._tell_status(peer, now, owner)
            return
        worker = worker or self._register(peer, now, basic=False)
        if worker is None:
            return
        worker.owner = owner
        worker.liveness.heard(now)
        for message in messages:
            handler = self.handlers.get(type(message))
            if handler is None:
                raise ProtocolError(f"a worker does not send {message.NAME}")
            handler(worker, message, now)

    def _tell_status(self, peer: bytes, now: float, owner: str) -> None:
        """Somebody who is no worker now, and has the key of one, asks how the fleet is."""
        if self._relay.may_send(BACK, peer, STATUS_BYTES):
            self._outbox.send(BACK, peer, wire.Status(self._reporter.brief(now, owner).as_map()))

    def _on_nack(self, worker: Worker, nack: wire.Nack, now: float) -> None:
        if (lease := self._lease(worker, nack.id)) is not None:
            self._scheduler.give_back(lease, now)

    def _on_drain(self, worker: Worker, _drain: wire.Drain, _now: float) -> None:
        self._catalogue = None
        worker.draining = True

    def _lease(self, worker: Worker, token: bytes) -> Lease | None:
        """The live lease of this worker with this token, if there is one."""
        return worker.leases.get(token)

    def _on_beat(self, worker: Worker, beat: wire.Beat, now: float) -> None:
        """Compare the leases that the worker holds with those that we believe it holds, and mend the difference."""
        if beat.session != worker.session or not worker.credited:
            self._hello(worker)  # the HELLO before was lost, or the CREDIT that answered it
            return
        held = set(beat.leases)
        for lease in worker.lost_on_the_way(held, now - self._settings.dispatch_patience):
            self._outbox.count("lease_not_received", job=short_id(lease.task.id), worker=worker.host)
            self._scheduler.give_back(lease, now)
        waiting = set(beat.waiting)
        for lease in [worker.leases[token] for token in beat.leases if token in worker.leases]:
            if lease.token in waiting:
                lease.state = LeaseState.SENT
                self._scheduler.renew(lease, now)
            elif lease.state is LeaseState.SENT:
                lease.state = LeaseState.BEGUN
        unknown = (token for token in beat.leases if token not in worker.leases)
        wrong = [token for token in unknown if not self._acks.owes(worker.peer, token)]
        for token in wrong[: self._settings.cancels]:
            self._outbox.send(BACK, worker.peer, wire.Cancel(token))

    def _on_credit(self, worker: Worker, credit: wire.Credit, now: float) -> None:
        self._catalogue = None
        first, worker.credited = not worker.credited, True
        worker.slots = credit.slots
        worker.threads = credit.threads
        worker.needs_served = frozenset(credit.filters)
        worker.minor = credit.minor
        if first:  # these two do not change while a process lives
            worker.host = credit.host
            worker.version = credit.version
            self._attendance.admitted(worker, now)

    def _on_results(self, worker: Worker, results: wire.Results, now: float) -> None:
        """All together when nothing is special about any of them, and otherwise one by one."""
        held = [worker.leases.get(id_) for id_ in results.ids]
        leases = [lease for lease in held if lease is not None and columns.is_plain(lease)]
        if len(leases) == len(held) and columns.all_fit(leases, results, self._settings.inline_limit):
            self._scheduler.finish_all(leases, now)
            self._acks.owe(worker.peer, worker.minor, results.ids, now)
            self._outbox.counters["results"] += len(leases)
            self._delivery.deliver_all([lease.task for lease in leases], results, now)
            return
        for result in rows_of(results):
            self._on_result(worker, result, now)

    def _on_result(self, worker: Worker, result: wire.Result, now: float) -> None:
        lease = self._lease(worker, result.id)
        if lease is None:
            self._outbox.count("stale_result")
            self._acks.owe(worker.peer, worker.minor, [result.id], now)
            return
        task = lease.task
        if task.state is TaskState.DELIVERING:
            return  # sent again while its outputs are being pulled
        if result.left and not task.reference:
            raise ProtocolError("outputs lie in a share only if the image does")
        if task.opaque and not result.payload:
            raise ProtocolError("the answer for a basic client is sent inline")
        if not task.opaque and sum(map(len, result.payload)) > self._settings.inline_limit:
            raise ProtocolError("outputs over the inline limit are pulled")
        if task.outputs and not self._fits(lease, result, now):
            return
        self.carry_out(self._scheduler.finish(lease, now), now)
        if result.payload or result.left or not result.outputs:
            self._scheduler.release(lease)
            self._acks.owe(worker.peer, worker.minor, [result.id], now)
        else:
            self._scheduler.renew(lease, now)
        self._outbox.counters["results"] += 1
        if task.opaque:
            self._clients.answer(
                task, cast("tuple[wire.Payload, ...]", result.payload)
            )  # only senders have files in it
        else:
            self._delivery.deliver(task, result, now)

    def _fits(self, lease: Lease, result: wire.Result, now: float) -> bool:
        """Whether the outputs are those that the client expects. Others are a fault of the worker: the task has failed
        there, and is tried again, elsewhere if another worker can do it."""
        try:
            check_outputs(lease.task.outputs, result.outputs, lease.task.largest)
        except ProtocolError as error:
            self._outbox.count(
                "result_refused", job=short_id(lease.task.id), worker=lease.worker.host, reason=str(error)
            )
            self._acks.owe(lease.worker.peer, lease.worker.minor, [result.id], now)
            lease.task.avoid = lease.worker.peer
            self.carry_out(self._scheduler.fail(lease, str(error), now), now)
            return False
        return True

    def _on_failed(self, worker: Worker, failed: wire.Failed, now: float) -> None:
        self._acks.owe(worker.peer, worker.minor, [failed.id], now)
        lease = self._lease(worker, failed.id)
        if lease is None:
            self._outbox.count("stale_result")
        elif failed.kind == "transient":
            self.carry_out(self._scheduler.fail(lease, failed.reason, now), now)
        else:
            self.carry_out(self._scheduler.finish(lease, now), now)
            self._scheduler.release(lease)
            self._outbox.counters["failures"] += 1
            self._clients.give_up(lease.task, failed.reason, worker, now)

    def _on_get(self, worker: Worker, get: wire.Get, now: float) -> None:
        lease = self._lease(worker, get.id)
        if lease is not None and get.blob == "":
            lease.state = LeaseState.PULLING
            self._relay.ask(BACK, worker.peer, lease, get, now)

    def _on_data(self, worker: Worker, data: wire.Data, now: float) -> None:
        lease = self._lease(worker, data.id)
        if lease is not None and self._relay.answers(FRONT, lease.task.client, lease, data):
            self._scheduler.carried(lease, len(data.payload[0]), lease.task.size + lease.task.output_bytes, now)
            self._outbox.send(FRONT, lease.task.client, replace(data, id=lease.task.id))

    # --- the other way ----

    def carry_out(self, verdicts: Iterable[Verdict], now: float) -> None:
        """Do what the scheduler has decided, in order."""
        for verdict in verdicts:
            match verdict:
                case Revoked(lease):
                    self._outbox.revoke(lease)
                case GaveUp(task, reason, worker):
                    self._clients.give_up(task, reason, worker, now)
                case Overran(worker):
                    self.lose(worker, How.SILENT, now)

    def dispatch(self, leases: Iterable[Lease], now: float) -> None:
        """Send the tasks to the workers that have been granted these leases."""
        of_worker: dict[bytes, list[Lease]] = {}
        for lease in leases:
            of_worker.setdefault(lease.worker.peer, []).append(lease)
        for peer, own in of_worker.items():
            self._acks.hurry(peer, now)
            if own[0].worker.basic:
                for lease in own:
                    self._outbox.send_frames(BACK, peer, lease.token, b"", *lease.task.payload)
            else:
                for message in columns.task_messages(own, self._settings.task_timeout):
                    self._outbox.send(BACK, peer, message)

    def pass_on(self, now: float) -> None:
        """Ask for the parts of blobs whose turn has come."""
        for lease, get in self._relay.due(now):
            if get.blob:
                self._outbox.send(BACK, lease.worker.peer, get)
            else:
                self._outbox.send(FRONT, lease.task.client, replace(get, id=lease.task.id))

    def lose(self, worker: Worker, how: How, now: float) -> None:
        """The worker is gone, whether it has left as announced or not."""
        self._attendance.went(worker, how, now)
        self._catalogue = None
        self._acks.forget(worker.peer)
        self.carry_out(self._scheduler.lose(worker, now), now)

    def beat(self, now: float) -> None:
        """Lose the workers that have been silent for too long, and send the others a heartbeat."""
        self._attendance.look(now)
        for worker in list(self._scheduler.workers.values()):
            busy = worker.basic and worker.leases  # a basic worker may fall silent while it works
            if worker.liveness.expired(now) and not busy:
                self.lose(worker, How.SILENT, now)
            else:
                self._outbox.heartbeat(BACK, worker.peer)

    def catalogue(self) -> wire.Catalogue:
        """The filters and threads of all workers that do not drain."""
        if self._catalogue is None:
            workers = [worker for worker in self._scheduler.workers.values() if not worker.draining]
            filters = sorted(frozenset().union(*(worker.needs_served for worker in workers)))
            threads = sum(worker.threads for worker in workers if not worker.basic)
            self._catalogue = wire.Catalogue(tuple(filters[:NAMES_LIMIT]), threads)
        return self._catalogue
