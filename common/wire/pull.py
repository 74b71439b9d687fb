"""Receiving a blob in chunks, so that no hop ever holds more of it than a few chunks."""

from __future__ import annotations

from typing import Generic, Protocol, TypeVar

from filterfleet.common.wire import Payload
from filterfleet.common.wire.messages import CHUNK

WINDOW = 4  # chunks asked for and not yet here
PATIENCE = 5.0  # seconds until an unanswered request is repeated


class Sink(Protocol):
    """Where the chunks go: a file, as a rule."""

    def write(self, offset: int, data: Payload) -> None:
        """Raises OSError."""


AnySink = TypeVar("AnySink", bound=Sink)


class Pull(Generic[AnySink]):
    """The receiving end of one blob of known size; the caller sends what requests() returns."""

    __slots__ = ("_asked", "_next", "_received", "sink", "size")

    def __init__(self, size: int, sink: AnySink) -> None:
        self.size = size
        self.sink = sink  # grows with what arrives: the size is only announced
        self._asked: dict[int, float] = {}  # offset -> when its request is to be repeated
        self._next = 0
        self._received = 0

    @property
    def complete(self) -> bool:
        return self._received == self.size

    def requests(self, now: float) -> list[tuple[int, int]]:
        """(offset, length) of every chunk to ask for now."""
        due = [offset for offset, again in self._asked.items() if again <= now]
        while len(self._asked) < WINDOW and self._next < self.size:
            due.append(self._next)
            self._asked[self._next] = now
            self._next += CHUNK
        for offset in due:
            self._asked[offset] = now + PATIENCE
        return [(offset, min(CHUNK, self.size - offset)) for offset in due]

    def store(self, offset: int, data: Payload) -> None:
        """Keep a chunk; one that was not asked for, or is of the wrong length, is ignored. Raises OSError."""
        if offset in self._asked and len(data) == min(CHUNK, self.size - offset):
            self.sink.write(offset, data)
            del self._asked[offset]
            self._received += len(data)
