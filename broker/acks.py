"""Acknowledgements that wait for a moment, so that many travel together, with what goes out anyway."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice

from filterfleet.broker.actions import Side
from filterfleet.broker.outbox import Outbox
from filterfleet.common.wire import ROWS_LIMIT, Accepted, Accepteds, ResultOk, ResultOks

NEVER = float("inf")


class Acks:
    """What is owed to the peers of one port: ACCEPTED to clients, RESULTOK to workers. `hold` is the longest that one
    waits, in seconds. Peers that do not know columns get theirs at once."""

    def __init__(self, side: Side, outbox: Outbox, hold: float) -> None:
        self._side = side
        self._outbox = outbox
        self._hold = hold
        self._one: type[Accepted | ResultOk] = Accepted if side is Side.FRONTEND else ResultOk
        self._many: type[Accepteds | ResultOks] = Accepteds if side is Side.FRONTEND else ResultOks
        self._owed: dict[bytes, dict[bytes, None]] = {}  # ids, by peer
        self._due: dict[bytes, float] = {}

    @property
    def next(self) -> float:
        """When the next one is due; infinity when nothing is owed."""
        return min(self._due.values(), default=NEVER)

    def owe(self, peer: bytes, minor: int, ids: Sequence[bytes], now: float) -> None:
        """The peer, which speaks this minor version, is to be told of these ids."""
        if not minor:
            for id_ in ids:
                self._outbox.send(self._side, peer, self._one(id_))
            return
        if (owed := self._owed.get(peer)) is None:
            owed = self._owed[peer] = {}
            self._due[peer] = now + self._hold
        owed.update(dict.fromkeys(ids))

    def owes(self, peer: bytes, id_: bytes) -> bool:
        return id_ in self._owed.get(peer, ())

    def settle(self, peer: bytes, ids: Iterable[bytes], now: float) -> None:
        """Something goes out to the peer that says as much of these ids, and the others can go along."""
        if owed := self._owed.get(peer):
            for id_ in ids:
                owed.pop(id_, None)
            self._due[peer] = now

    def hurry(self, peer: bytes, now: float) -> None:
        """Something goes out to the peer, and what is owed can go along."""
        if peer in self._due:
            self._due[peer] = now

    def forget(self, peer: bytes) -> None:
        """The peer is gone."""
        self._owed.pop(peer, None)
        self._due.pop(peer, None)

    def tell_due(self, now: float) -> None:
        """Send what is due."""
        if self._due and self.next <= now:
            for peer in [peer for peer, when in self._due.items() if when <= now]:
                self.tell(peer)

    def tell(self, peer: bytes) -> None:
        """Send what is owed to this peer."""
        self._due.pop(peer, None)
        ids = iter(self._owed.pop(peer, ()))
        while part := tuple(islice(ids, ROWS_LIMIT)):
            self._outbox.send(self._side, peer, self._many(part))
