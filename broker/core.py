"""The broker without its sockets: frames and instants in, actions out.

The shell has these duties, in this order. It hands over every message that has arrived (on_message), then calls
on_tick, then carries out the actions in order and reports each peer that cannot be reached (on_unreachable). It comes
back at deadline() at the latest. Instants are seconds of one monotonic clock.
"""

from __future__ import annotations

from collections.abc import Callable

from filterfleet.broker.acks import Acks
from filterfleet.broker.actions import Action, Side
from filterfleet.broker.attendance import Attendance, Whereabouts
from filterfleet.broker.backend import WorkerDesk
from filterfleet.broker.books import Books
from filterfleet.broker.delivery import Delivery
from filterfleet.broker.departures import Departures, How
from filterfleet.broker.frontend import ClientDesk
from filterfleet.broker.images import tell_images
from filterfleet.broker.outbox import Outbox
from filterfleet.broker.relay import Backlog, Relay
from filterfleet.broker.report import Report, Reporter
from filterfleet.broker.scheduler import Scheduler
from filterfleet.broker.settings import Settings
from filterfleet.broker.state import Lease, Task
from filterfleet.broker.timers import Alarm, Subject, Timers
from filterfleet.broker.versions import OtherVersions
from filterfleet.common import wire
from filterfleet.common.errors import ProtocolError
from filterfleet.common.wire.liveness import Randomness
from filterfleet.common.wire.majors import foreign


class BrokerCore:
    """Its settings, books, scheduler and timers are there to be read, by an auditor for example. Only the core and its
    parts change them. backlog tells the bytes that a peer has not read, of those that were sent to it; whereabouts the
    name of a peer's key and its address; clock the time of day, which is only for reports."""

    def __init__(
        self,
        settings: Settings,
        rng: Randomness,
        now: float,
        backlog: Backlog = lambda *_: 0,
        whereabouts: Whereabouts = lambda *_: ("", ""),
        clock: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self.life = rng.randbytes(8)
        self.settings = settings
        self.books = Books(settings)
        self.timers = Timers()
        self.scheduler = Scheduler(settings, rng, self.timers, self.books)
        self._outbox = Outbox()
        self.relay = Relay(settings, self.scheduler.leases, backlog)
        self._acks = {side: Acks(side, self._outbox, settings.hold) for side in Side}
        front = self._acks[Side.FRONTEND]
        departures, self._versions = Departures(), OtherVersions(self._outbox, whereabouts)
        self.reporter = Reporter(
            self.life,
            self.books,
            self.scheduler,
            self._outbox.counters,
            departures,
            self._versions.sentences,
            now,
            clock,
        )
        self._delivery = Delivery(settings, self._outbox, self.timers, self.books, front)
        self._clients = ClientDesk(
            settings,
            rng,
            self.life,
            self._outbox,
            self.timers,
            self.books,
            self.scheduler,
            self.relay,
            front,
            self._delivery,
            self.reporter,
        )
        self._workers = WorkerDesk(
            settings,
            rng,
            self.life,
            self._outbox,
            self.scheduler,
            self._clients,
            self.relay,
            self._acks[Side.BACKEND],
            self._delivery,
            self.reporter,
            Attendance(self._outbox, departures, whereabouts),
        )
        if settings.log_images:
            tell_images(self._workers.handlers, self._outbox)
        self._next_beat = now + settings.interval
        self._next_look = float("inf")  # for requests that wait

    def on_message(
        self, side: Side, peer: bytes, frames: list[wire.Payload], now: float, owner: str = ""
    ) -> list[Action]:
        """A message from the peer with this routing id, which belongs to this owner. The frames are those behind it."""
        extended = peer.startswith(wire.TAG)
        try:
            if (major := foreign(frames, peer)) is None:
                self._route(side, peer, frames, now, owner, extended=extended)
            else:
                self._versions.meet(side, peer, major, now)
        except ProtocolError as error:
            self._outbox.count("malformed", side=side.value, peer=peer.hex(), error=str(error))
        return self._outbox.take()

    def _route(
        self, side: Side, peer: bytes, frames: list[wire.Payload], now: float, owner: str, *, extended: bool
    ) -> None:
        found = wire.parse(frames, extended=extended)
        if isinstance(found, list):  # most of them
            if side is Side.FRONTEND:
                self._clients.on_messages(peer, found, now, owner)
            else:
                self._workers.on_messages(peer, found, now, owner)
            return
        match side, found:
            case Side.FRONTEND, wire.Envelope() as envelope if not extended:
                self._clients.on_envelope(peer, envelope, now, owner)
            case Side.BACKEND, wire.Ready():
                self._workers.on_ready(peer, now, basic=not extended)
            case Side.BACKEND, wire.Heartbeat():
                self._workers.on_heartbeat(peer, now, basic=not extended)
            case Side.BACKEND, wire.Envelope() as envelope:
                self._workers.on_envelope(peer, envelope, now, basic=not extended)
            case _:
                raise ProtocolError("this message does not belong on this port")

    @property
    def known_bytes(self) -> int:
        """Bytes of all tasks, their images and their results."""
        return self.books.held_bytes + self.books.result_bytes

    def knows(self, side: Side, peer: bytes) -> bool:
        """Whether the peer is registered."""
        return peer in (self.scheduler.workers if side is Side.BACKEND else self.books.clients)

    def on_unreachable(self, side: Side, peer: bytes, now: float) -> list[Action]:
        """The peer is gone: a message to it could not be sent."""
        return self._gone(side, peer, How.CLOSED, now)

    def on_dismissed(self, side: Side, peer: bytes, now: float) -> list[Action]:
        """The peer has lost the right to be here, or its routing id."""
        return self._gone(side, peer, How.DISMISSED, now)

    def _gone(self, side: Side, peer: bytes, how: How, now: float) -> list[Action]:
        if side is Side.BACKEND:
            if (worker := self.scheduler.workers.get(peer)) is not None:
                self._workers.lose(worker, how, now)
        elif (client := self.books.clients.get(peer)) is not None:
            self._clients.drop(client)
        return self._outbox.take()

    def on_tick(self, now: float) -> list[Action]:
        """Do everything that is due, then grant every lease that can be granted."""
        if self.timers.next <= now:
            for alarm, subject in self.timers.due(now):
                self._ring(alarm, subject, now)
        if self._next_beat <= now:
            self._next_beat = now + self.settings.interval
            self._workers.beat(now)
            self._clients.beat(now)
        self._clients.bury()
        self._clients.publish(self._workers.catalogue())
        self._workers.dispatch(self.scheduler.assign(now), now)
        self._workers.pass_on(now)
        for acks in self._acks.values():
            acks.tell_due(now)
        self._next_look = now + self.settings.part_look if self.relay.waits else float("inf")
        return self._outbox.take()

    def _ring(self, alarm: Alarm, subject: Subject, now: float) -> None:
        match alarm, subject:
            case Alarm.EXPIRY, Lease() as lease:
                self._workers.carry_out(self.scheduler.expire(lease, now), now)
            case Alarm.RETRY, Task() as task:
                self.scheduler.retry(task)
            case Alarm.RESEND, Task() as task:
                self._delivery.resend(task, now)
            case Alarm.AGE, Task() as task:
                self._workers.carry_out(self._clients.age(task), now)

    @property
    def has_time(self) -> bool:
        """Whether tasks wait and no worker does: each holds some that it has not begun. What comes now has to wait for
        its turn anyway, and a moment more costs nobody anything."""
        scheduler = self.scheduler
        return bool(scheduler.queue) and all(len(w.leases) > w.threads for w in scheduler.workers.values())

    def deadline(self) -> float:
        """When on_tick has something to do if no message comes before."""
        return min(self._next_beat, self._next_look, self.timers.next, *(acks.next for acks in self._acks.values()))

    def other_versions(self, now: float) -> list[str]:
        """A sentence for each peer of another major version that has been here of late."""
        return self._versions.sentences(now)

    def report(self, now: float) -> Report:
        return self.reporter.report(now)
