"""Receiving a blob in chunks, so that no hop ever holds more of it than a few chunks."""

from __future__ import annotations

from filterfleet.common.wire.messages import CHUNK

# Chunks under way at once: asked for, or arrived and not yet stored. More of them hide a longer round trip and take
# more memory of everybody on the way; a single one leaves the network idle while it travels.
WINDOW = 4

# Seconds until an unanswered request is repeated. With fewer, chunks travel twice when the network is slow; with more,
# a lost chunk holds its blob up for longer.
PATIENCE = 5.0

# Bytes of the shortest answer that counts although more was asked for. A larger value leaves a peer less choice of its
# own chunk; with a smaller one, a hostile peer may stretch a blob over more messages.
SHORTEST = 64 << 10


class Pull:
    """The receiving end of one blob of `size` bytes: which chunks to ask for, and which have arrived.

    It keeps no bytes. The caller sends what requests() returns, stores each chunk that take() admits, and says so with
    stored(). The answer may be shorter than the request; the rest is asked for again.
    """

    __slots__ = ("_asked", "_next", "_received", "_rest", "_taken", "size")

    def __init__(self, size: int) -> None:
        self.size = size
        self._asked: dict[int, tuple[int, float]] = {}  # offset -> length, and when its request is to be repeated
        self._taken: dict[int, int] = {}  # offset -> length of each chunk that is being stored
        self._rest: list[tuple[int, int]] = []  # offset and length behind answers that were short
        self._next = 0
        self._received = 0

    @property
    def complete(self) -> bool:
        """Whether every byte has been stored."""
        return self._received == self.size

    def requests(self, now: float) -> list[tuple[int, int]]:
        """(offset, length) of every chunk to ask for now."""
        due = [(offset, length) for offset, (length, again) in self._asked.items() if again <= now]
        while len(self._asked) + len(self._taken) < WINDOW and (chunk := self._fresh()) is not None:
            due.append(chunk)
            self._asked[chunk[0]] = chunk[1], now
        for offset, length in due:
            self._asked[offset] = length, now + PATIENCE
        return due

    def take(self, offset: int, length: int) -> bool:
        """Whether to store this chunk: it was asked for, has a fitting length, and has not arrived before."""
        asked = self._asked.get(offset, (0, 0.0))[0]
        if not min(asked, SHORTEST) <= length <= asked or not asked:
            return False
        del self._asked[offset]
        self._taken[offset] = length
        if length < asked:
            self._rest.append((offset + length, asked - length))
        return True

    def stored(self, offset: int) -> None:
        """A chunk that take() admitted has been written."""
        self._received += self._taken.pop(offset)

    def _fresh(self) -> tuple[int, int] | None:
        """The next chunk that nobody has been asked for."""
        if self._rest:
            return self._rest.pop(0)
        if self._next >= self.size:
            return None
        offset, self._next = self._next, self._next + CHUNK
        return offset, min(CHUNK, self.size - offset)
