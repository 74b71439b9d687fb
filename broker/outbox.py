"""The broker's parts put here what they want done, and count what happens."""

from __future__ import annotations

from collections import Counter

from filterfleet.broker.actions import Action, Note, Send, SendFrames, Side
from filterfleet.broker.state import Lease
from filterfleet.common import wire


class Outbox:
    def __init__(self) -> None:
        self.counters: Counter[str] = Counter()
        self._actions: list[Action] = []

    def take(self) -> list[Action]:
        actions, self._actions = self._actions, []
        return actions

    def send(self, side: Side, peer: bytes, message: wire.Message) -> None:
        self._actions.append(Send(side, peer, message))

    def send_frames(self, side: Side, peer: bytes, *frames: wire.Payload) -> None:
        self._actions.append(SendFrames(side, peer, frames))

    def heartbeat(self, side: Side, peer: bytes) -> None:
        self.send_frames(side, peer, wire.HEARTBEAT)

    def revoke(self, lease: Lease) -> None:
        """Tell the lease's worker to stop. A basic worker cannot be told; its reply will be dropped as stale."""
        if not lease.worker.basic:
            self.send(Side.BACKEND, lease.worker.peer, wire.Cancel(lease.token))

    def note(self, event: str, **fields: object) -> None:
        self._actions.append(Note(event, fields))

    def warn(self, event: str, **fields: object) -> None:
        self._actions.append(Note(event, fields, "warning"))

    def tell(self, event: str, **fields: object) -> None:
        """A note that somebody has asked for, however many there are."""
        self._actions.append(Note(event, fields, limited=False))

    def count(self, name: str, **fields: object) -> None:
        """Count something that should not happen, and note its 1st, 2nd, 4th, 8th … time."""
        self.counters[name] += 1
        total = self.counters[name]
        if total & (total - 1) == 0:
            self.note(name, total=total, **fields)
