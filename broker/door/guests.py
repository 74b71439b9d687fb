"""Remembers which key speaks under which routing id. Pure state; the keys are the public ones, as text."""

from __future__ import annotations

from collections.abc import Callable, Collection

from filterfleet.broker.actions import Side

SPARE = 1024  # entries beyond those of known peers that are always tolerated before a sweep

Known = Callable[[Side, bytes], bool]


class Guests:
    """`known` tells whether the core still knows a peer. Entries of other peers are swept out now and then."""

    def __init__(self, known: Known) -> None:
        self._known = known
        self._keys: dict[tuple[Side, bytes], str] = {}
        self._limit = SPARE

    def admits(self, side: Side, peer: bytes, key: str) -> bool:
        """Whether this routing id is this key's. It belongs to the first key that used it."""
        if (side, peer) not in self._keys and len(self._keys) >= self._limit:
            self._keys = {entry: owner for entry, owner in self._keys.items() if self._known(*entry)}
            self._limit = 2 * len(self._keys) + SPARE
        return self._keys.setdefault((side, peer), key) == key

    def forget(self, side: Side, peer: bytes) -> None:
        """Free the routing id for any key."""
        self._keys.pop((side, peer), None)

    def dismiss(self, side: Side, allowed: Collection[str]) -> list[tuple[bytes, str]]:
        """Forget this side's routing ids whose keys are no longer allowed, and return them with their keys."""
        gone = [(peer, key) for (where, peer), key in self._keys.items() if where is side and key not in allowed]
        for peer, _key in gone:
            self.forget(side, peer)
        return gone
