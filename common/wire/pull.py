"""Receiving a blob in chunks, so that no hop ever holds more of it than a few chunks."""

from __future__ import annotations

from filterfleet.common.wire.messages import CHUNK

# Chunks under way at once: asked for, or arrived and not yet stored. More of them hide a longer round trip and take
# more memory of everybody on the way; a single one leaves the network idle while it travels.
WINDOW = 4

# Seconds until an unanswered request is repeated. With fewer, chunks travel twice when the network is slow; with more,
# a lost chunk holds its blob up for longer.
PATIENCE = 5.0


class Pull:
    """The receiving end of one blob of `size` bytes: which chunks to ask for, and which have arrived.

    It keeps no bytes. The caller sends what requests() returns, stores each chunk that take() admits, and says so with
    stored().
    """

    __slots__ = ("_asked", "_next", "_received", "_taken", "size")

    def __init__(self, size: int) -> None:
        self.size = size
        self._asked: dict[int, float] = {}  # offset -> when its request is to be repeated
        self._taken: set[int] = set()  # offsets of chunks that are being stored
        self._next = 0
        self._received = 0

    @property
    def complete(self) -> bool:
        """Whether every byte has been stored."""
        return self._received == self.size

    def requests(self, now: float) -> list[tuple[int, int]]:
        """(offset, length) of every chunk to ask for now."""
        due = [offset for offset, again in self._asked.items() if again <= now]
        while len(self._asked) + len(self._taken) < WINDOW and self._next < self.size:
            due.append(self._next)
            self._asked[self._next] = now
            self._next += CHUNK
        for offset in due:
            self._asked[offset] = now + PATIENCE
        return [(offset, self._length(offset)) for offset in due]

    def take(self, offset: int, length: int) -> bool:
        """Whether to store this chunk: it was asked for, has the right length, and has not arrived before."""
        if offset not in self._asked or length != self._length(offset):
            return False
        del self._asked[offset]
        self._taken.add(offset)
        return True

    def stored(self, offset: int) -> None:
        """A chunk that take() admitted has been written."""
        self._taken.remove(offset)
        self._received += self._length(offset)

    def _length(self, offset: int) -> int:
        return min(CHUNK, self.size - offset)
