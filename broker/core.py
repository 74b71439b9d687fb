"""The broker without its sockets: frames and instants in, actions out.

The shell's duties, in this order: hand over every message that has arrived (on_message), then call on_tick,
then carry out the actions in order and report each peer that cannot be reached (on_unreachable). It comes
back at deadline() at the latest. Instants are seconds of one monotonic clock.
"""

from __future__ import annotations

from typing import Any

from filterfleet.broker.actions import Action, Side
from filterfleet.broker.backend import WorkerDesk
from filterfleet.broker.frontend import ClientDesk
from filterfleet.broker.outbox import Outbox
from filterfleet.broker.scheduler import Scheduler
from filterfleet.broker.settings import Settings
from filterfleet.broker.state import Lease, Task
from filterfleet.broker.timers import Timers
from filterfleet.common.errors import ProtocolError
from filterfleet.common.wire import TAG, Envelope, Heartbeat, Payload, Ready, parse
from filterfleet.common.wire.liveness import Randomness


class BrokerCore:
    def __init__(self, settings: Settings, rng: Randomness, now: float) -> None:
        self.life = rng.randbytes(8)
        self.settings = settings
        self._now = now
        self._outbox = Outbox()
        self._timers = Timers()
        self._clients = ClientDesk(settings, rng, self.life, self._outbox, self._timers, self.report)
        self.scheduler = Scheduler(
            settings,
            rng,
            self._timers,
            give_up=self._give_up,
            revoke=self._revoke,
            lose_worker=self._lose,
            takes_result=self._clients.takes_result,
        )
        self._clients.scheduler = self.scheduler
        self._workers = WorkerDesk(settings, rng, self.life, self._outbox, self.scheduler, self._clients)
        self._next_beat = now + settings.interval

    def on_message(self, side: Side, peer: bytes, frames: list[Payload], now: float) -> list[Action]:
        """A message from the peer with this routing id; frames are what follows the routing id."""
        self._now = now
        extended = peer.startswith(TAG)
        try:
            self._route(side, peer, frames, now, extended=extended)
        except ProtocolError as error:
            self._outbox.count("malformed", side=side.value, peer=peer.hex(), error=str(error))
        return self._outbox.take()

    def _route(self, side: Side, peer: bytes, frames: list[Payload], now: float, *, extended: bool) -> None:
        match side, parse(frames, extended=extended):
            case Side.FRONTEND, list(messages):
                self._clients.on_messages(peer, messages, now)
            case Side.FRONTEND, Envelope() as envelope if not extended:
                self._clients.on_envelope(peer, envelope, now)
            case Side.BACKEND, list(messages):
                self._workers.on_messages(peer, messages, now)
            case Side.BACKEND, Ready():
                self._workers.on_ready(peer, now, basic=not extended)
            case Side.BACKEND, Heartbeat():
                self._workers.on_heartbeat(peer, now, basic=not extended)
            case Side.BACKEND, Envelope() as envelope:
                self._workers.on_envelope(peer, envelope, now, basic=not extended)
            case _:
                raise ProtocolError("this message does not belong on this port")

    @property
    def known_bytes(self) -> int:
        """Of all tasks, their images and their results."""
        return self._clients.held_bytes + self._clients.result_bytes

    def knows(self, side: Side, peer: bytes) -> bool:
        """Whether the peer is registered."""
        return peer in (self.scheduler.workers if side is Side.BACKEND else self._clients.clients)

    def on_unreachable(self, side: Side, peer: bytes, now: float) -> list[Action]:
        """This peer is gone: a message to it could not be sent, or it is not to be talked to any more."""
        self._now = now
        if side is Side.BACKEND:
            if (worker := self.scheduler.workers.get(peer)) is not None:
                self._workers.lose(worker, now)
        elif (client := self._clients.clients.get(peer)) is not None:
            self._clients.drop(client)
        return self._outbox.take()

    def on_tick(self, now: float) -> list[Action]:
        """Everything that time brings, then every lease that can be granted."""
        self._now = now
        self._timers.run(now)
        if self._next_beat <= now:
            self._next_beat = now + self.settings.interval
            self._workers.beat(now)
            self._clients.beat(now)
        self._clients.publish(self._workers.catalogue())
        for lease in self.scheduler.assign(now):
            self._workers.dispatch(lease)
        return self._outbox.take()

    def deadline(self) -> float:
        """When on_tick has something to do, if no message comes before."""
        timer = self._timers.next
        return self._next_beat if timer is None else min(self._next_beat, timer)

    def report(self) -> dict[str, Any]:
        """Plain values about the broker and its fleet, for people and monitoring."""
        scheduler = self.scheduler
        return {
            "life": self.life.hex(),
            "tasks": self._clients.tasks,
            "waiting": len(scheduler.queue) + len(scheduler.suspects),
            "running": len(scheduler.leases),
            "held_bytes": self._clients.held_bytes,
            "result_bytes": self._clients.result_bytes,
            "clients": len(self._clients.clients),
            "counters": dict(self._outbox.counters),
            "workers": [
                {
                    "host": "(basic peer)" if worker.basic else worker.host,
                    "version": worker.version,
                    "threads": worker.threads,
                    "slots": worker.slots,
                    "leases": len(worker.leases),
                    "draining": worker.draining,
                }
                for worker in scheduler.workers.values()
            ],
        }

    def _give_up(self, task: Task, reason: str) -> None:
        self._clients.give_up(task, reason, self._now)

    def _revoke(self, lease: Lease) -> None:
        self._workers.revoke(lease)

    def _lose(self, worker: Any, now: float) -> None:
        self._workers.lose(worker, now)
