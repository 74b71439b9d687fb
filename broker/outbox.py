"""Where the broker's parts put what they want done, and what they count."""

from __future__ import annotations

from collections import Counter
from typing import Any

from filterfleet.broker.actions import Action, Note, Send, SendFrames, Side
from filterfleet.common.wire import HEARTBEAT, Message, Payload


class Outbox:
    def __init__(self) -> None:
        self.counters: Counter[str] = Counter()
        self._actions: list[Action] = []

    def take(self) -> list[Action]:
        actions, self._actions = self._actions, []
        return actions

    def send(self, side: Side, peer: bytes, message: Message) -> None:
        self._actions.append(Send(side, peer, message))

    def send_frames(self, side: Side, peer: bytes, *frames: Payload) -> None:
        self._actions.append(SendFrames(side, peer, frames))

    def heartbeat(self, side: Side, peer: bytes) -> None:
        self.send_frames(side, peer, HEARTBEAT)

    def note(self, event: str, **fields: Any) -> None:
        self._actions.append(Note(event, fields))

    def count(self, name: str, **fields: Any) -> None:
        """Count something that should not happen, and note its 1st, 2nd, 4th, 8th … time."""
        self.counters[name] += 1
        total = self.counters[name]
        if total & (total - 1) == 0:
            self.note(name, total=total, **fields)
