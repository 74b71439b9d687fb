"""What the work of a process costs."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Literal

from filterfleet.common.payload import Payload
from filterfleet.common.wire import Message, Result, Results

Role = Literal["broker", "worker", "client"]


@dataclass(frozen=True, slots=True)
class Parcel:
    """A multipart message on its way. size is in bytes."""

    frames: list[Payload]
    size: int


def parcel(frames: list[Payload]) -> Parcel:
    return Parcel(frames, sum(map(len, frames)))


def outcomes_in(message: Message) -> int:
    """The number of results in it."""
    return 1 if isinstance(message, Result) else len(message.ids) if isinstance(message, Results) else 0


@dataclass(slots=True)
class Count:
    """What a process has handled. A turn is what it does between two sleeps. messages are multipart messages, in and
    out; tasks are outcomes; bytes those of all frames; looks those at a worker, at each of which a broker looks in each
    turn."""

    turns: int = 0
    messages: int = 0
    tasks: int = 0
    bytes: int = 0
    looks: int = 0

    def add(self, other: Count) -> None:
        self.turns += other.turns
        self.messages += other.messages
        self.tasks += other.tasks
        self.bytes += other.bytes
        self.looks += other.looks

    def since(self, earlier: Count) -> Count:
        """What has come since then."""
        pairs = ((getattr(self, each.name), getattr(earlier, each.name)) for each in fields(self))
        return Count(*(now - then for now, then in pairs))

    def passes(self, one: Parcel) -> None:
        self.messages += 1
        self.bytes += one.size


@dataclass(frozen=True, slots=True)
class Price:
    """Seconds of processor time for each of them."""

    turn: float = 0.0
    message: float = 0.0
    task: float = 0.0
    byte: float = 0.0
    look: float = 0.0

    def of(self, count: Count) -> float:
        calls = self.turn * count.turns + self.message * count.messages + self.look * count.looks
        return calls + self.task * count.tasks + self.byte * count.bytes


@dataclass(frozen=True, slots=True)
class Prices:
    """Those of each role. image is what a worker's thread works on an image, and listener what a listener works on one
    beside its client: reading, hashing, writing, recording. Both in seconds."""

    broker: Price = field(default_factory=Price)
    worker: Price = field(default_factory=Price)
    client: Price = field(default_factory=Price)
    image: float = 0.0
    listener: float = 0.0

    def of(self, role: Role) -> Price:
        price: Price = getattr(self, role)
        return price
