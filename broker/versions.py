"""Peers of another major version of PPX: each is told what this broker speaks, and people are told of it."""

from __future__ import annotations

import math
from typing import TypeVar

from filterfleet.broker.actions import Side
from filterfleet.broker.attendance import Whereabouts
from filterfleet.broker.outbox import Outbox
from filterfleet.common import wire
from filterfleet.common.wire.majors import notice
from filterfleet.common.words import another_version

# Seconds for which such a peer counts as present after its last message. It comes back after pauses of up to 32 s. More
# keeps one in the status that has been upgraded; less forgets one that still tries.
KEPT = 60.0

# How many are remembered. More names more of them in the status; less keeps strangers from filling it.
MOST = 16

# Seconds between two notices to one peer. More leaves a peer waiting that has missed one; less sends more of them to
# peers that do not understand them.
PAUSE = 5.0

Key = TypeVar("Key")

ROLES = {Side.BACKEND: "worker", Side.FRONTEND: "client"}


class OtherVersions:
    """Instants are seconds of one monotonic clock. whereabouts tells the name of a peer's key and its address."""

    def __init__(self, outbox: Outbox, whereabouts: Whereabouts) -> None:
        self._outbox = outbox
        self._whereabouts = whereabouts
        self._seen: dict[str, float] = {}  # when each sentence was last true
        self._told: dict[bytes, float] = {}  # when each peer was sent a notice

    def meet(self, side: Side, peer: bytes, speaks: int, now: float) -> None:
        """A message of a peer that speaks another major version."""
        name, address = self._whereabouts(side, peer)
        who = f"the {ROLES[side]} {name or (f'at {address}' if address else 'at an unknown address')}"
        sentence = another_version(who, speaks, "this broker", wire.MAJOR)
        if not self._is_fresh(self._seen, sentence, KEPT, now):
            self._outbox.warn("another_version", reason=sentence)
        self._seen[sentence] = now
        self._outbox.counters["another_version"] += 1
        if not self._is_fresh(self._told, peer, PAUSE, now):
            self._told[peer] = now
            self._outbox.send_frames(side, peer, *notice())

    def sentences(self, now: float) -> list[str]:
        """One for each such peer that has been here of late."""
        return sorted(sentence for sentence, at in self._seen.items() if now < at + KEPT)

    @staticmethod
    def _is_fresh(instants: dict[Key, float], key: Key, kept: float, now: float) -> bool:
        """Whether something is known of the key that is not older than `kept`. There is room for another one then."""
        if now < instants.get(key, -math.inf) + kept:
            return True
        while len(instants) >= MOST:
            del instants[min(instants, key=instants.__getitem__)]
        return False
