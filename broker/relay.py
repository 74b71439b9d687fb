"""Passes requests for parts of blobs on, from the peer that lacks a blob to the one that has it.

A request is small and its answer is large, so a peer that asks and does not read would fill the memory of the broker
and of the peer that answers. A peer therefore has a limited number of parts under way. Those parts count among them
that are on their way to it and that it has not read. The others wait here, in turn. An answer that nobody waits for is
dropped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from msgspec.structs import replace

from filterfleet.broker.actions import Side
from filterfleet.broker.settings import Settings
from filterfleet.broker.state import Lease
from filterfleet.common.wire import Data, Get
from filterfleet.common.wire.messages import CHUNK

Backlog = Callable[[Side, bytes], int]  # the bytes that a peer has not read, of those that were sent to it
Key = tuple[bytes, str, int]  # a lease's token, a blob and an offset


@dataclass(frozen=True, slots=True)
class _Passed:
    length: int
    at: float


@dataclass(slots=True)
class _Asker:
    """The requests of one peer: those that wait, and those that have been passed on and have no answer. `of_lease`
    counts both."""

    waiting: dict[Key, Get] = field(default_factory=dict)
    under_way: dict[Key, _Passed] = field(default_factory=dict)
    of_lease: Counter[bytes] = field(default_factory=Counter)

    def drop(self, key: Key) -> None:
        self.waiting.pop(key, None)
        self.under_way.pop(key, None)
        self.of_lease[key[0]] -= 1
        if not self.of_lease[key[0]]:
            del self.of_lease[key[0]]


class Relay:
    """leases are the live ones, by token. The requests of a lease that has ended are forgotten."""

    def __init__(self, settings: Settings, leases: Mapping[bytes, Lease], backlog: Backlog) -> None:
        self._settings = settings
        self._leases = leases
        self._backlog = backlog
        self._askers: dict[tuple[Side, bytes], _Asker] = {}
        self._sent: Counter[tuple[Side, bytes]] = Counter()  # bytes that may_send() has allowed in this turn

    @property
    def waits(self) -> bool:
        """Whether a request waits until its peer has read what was sent to it, or until another one is answered."""
        return any(asker.waiting for asker in self._askers.values())

    def may_send(self, side: Side, peer: bytes, size: int) -> bool:
        """Whether the peer may be sent this many bytes, which it can ask for again: not if it has not read those before
        them, or has asked for too much since due() was called."""
        if self._backlog(side, peer) + self._sent[side, peer] >= self._settings.parts_of_peer * CHUNK:
            return False
        self._sent[side, peer] += size
        return True

    def ask(self, side: Side, peer: bytes, lease: Lease, get: Get, now: float) -> None:
        """The peer wants this part. The request waits until due() returns it, under the lease's token."""
        key = lease.token, get.blob, get.offset
        asker = self._askers.setdefault((side, peer), _Asker())
        passed = asker.under_way.get(key)
        if passed is not None and now >= passed.at + self._settings.part_repeat:  # it was lost, or its answer was
            asker.drop(key)
        if key in asker.under_way or key in asker.waiting:
            return
        if asker.of_lease[lease.token] < self._settings.parts_of_lease:
            asker.of_lease[lease.token] += 1
            asker.waiting[key] = replace(get, id=lease.token, length=min(get.length, CHUNK))

    def due(self, now: float) -> Iterator[tuple[Lease, Get]]:
        """The requests to pass on now, at the end of a turn."""
        self._sent.clear()
        for (side, peer), asker in list(self._askers.items()):
            self._sweep(asker, now)
            room = self._settings.parts_of_peer - len(asker.under_way) - self._backlog(side, peer) // CHUNK
            for key in list(asker.waiting)[: max(0, room)]:
                get = asker.waiting.pop(key)
                asker.under_way[key] = _Passed(get.length, now)
                yield self._leases[get.id], get
            if not asker.of_lease:
                del self._askers[side, peer]

    def answers(self, side: Side, peer: bytes, lease: Lease, data: Data) -> bool:
        """Whether the peer waits for this part: it may be passed on, once."""
        asker = self._askers.get((side, peer))
        key = lease.token, data.blob, data.offset
        if asker is None or key not in asker.under_way or len(data.payload[0]) > asker.under_way[key].length:
            return False
        asker.drop(key)
        return True

    def _sweep(self, asker: _Asker, now: float) -> None:
        """Forget the requests of leases that have ended, and those whose answer does not come any more."""
        for token in [token for token in asker.of_lease if token not in self._leases]:
            for key in [key for key in (*asker.waiting, *asker.under_way) if key[0] == token]:
                asker.drop(key)
        while asker.under_way:
            key, passed = next(iter(asker.under_way.items()))
            if now < passed.at + self._settings.part_life:
                break
            asker.drop(key)
