"""What the broker's peers have not read yet."""

from __future__ import annotations

from collections.abc import Sequence

from filterfleet.broker.actions import Side
from filterfleet.common.wire import Payload
from filterfleet.common.wire.unsent import Unsent

SPARE = 1024  # peers beyond those with something unread that are always tolerated before a sweep


class Backlog:
    """Knows of each peer of both sides the bytes that have not left this process."""

    def __init__(self) -> None:
        self._peers: dict[tuple[Side, bytes], Unsent] = {}
        self._limit = SPARE

    def __call__(self, side: Side, peer: bytes) -> int:
        unsent = self._peers.get((side, peer))
        return 0 if unsent is None else unsent.size

    def lent(self, side: Side, peer: bytes, frames: Sequence[Payload]) -> Sequence[Payload]:
        """The message as it is to be sent, so that it counts until it has left."""
        if (side, peer) not in self._peers and len(self._peers) >= self._limit:
            self._peers = {key: unsent for key, unsent in self._peers.items() if unsent.size}
            self._limit = 2 * len(self._peers) + SPARE
        return self._peers.setdefault((side, peer), Unsent()).lent(frames)
