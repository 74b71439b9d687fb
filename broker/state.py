"""What the broker knows: clients and their tasks, workers and their leases. Plain state, no behaviour."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass, field

from filterfleet.common.wire import Message, Payload
from filterfleet.common.wire.liveness import Liveness

OBJECT = 100  # bytes that a frame or a name takes beside its content, about
OPAQUE = frozenset({"\0opaque"})  # what a basic client's task needs; no filter can have this name


class TaskState(enum.Enum):
    WAITING = "waiting"  # in the queue, or for a trial
    DELAYED = "delayed"  # until its next try
    RUNNING = "running"  # at least one live lease
    DELIVERING = "delivering"  # the outcome is on its way to the client
    ENDED = "ended"  # forgotten by the client table; nothing may happen to it any more


@dataclass(slots=True, eq=False)
class Task:
    """A client's job. size and payload are the image's, in bytes; the payload is empty when it is pulled."""

    client: bytes
    id: bytes
    recipe: bytes
    needs: frozenset[str]
    priority: int
    size: int
    payload: tuple[Payload, ...]
    stack: tuple[bytes, ...] = ()  # a basic client's address stack behind its routing id
    state: TaskState = TaskState.WAITING
    leases: list[Lease] = field(default_factory=list)
    avoid: bytes = b""  # the worker that was too slow the last time
    losses: int = 0  # leases whose worker died
    trial_losses: int = 0  # of these, alone on a worker while the rest of the fleet was calm
    failures: int = 0  # transient ones
    expiries: int = 0
    outcome: Message | None = None

    @property
    def held_bytes(self) -> int:
        """What the broker keeps for this task, but for its result: its image, and all that came with it and is of no
        fixed size, so that no task is larger than it seems."""
        return _bytes(self.payload) + _bytes(self.stack) + _bytes(self.needs) + len(self.recipe)

    @property
    def result_bytes(self) -> int:
        """Of its result."""
        return _bytes(getattr(self.outcome, "payload", ()))

    @property
    def opaque(self) -> bool:
        return self.needs is OPAQUE


@dataclass(slots=True, eq=False)
class Lease:
    """One worker's right to run a task until it expires. The token is all that a worker ever sees."""

    token: bytes
    task: Task
    worker: Worker
    began: float
    expires: float
    alone: bool = False  # a trial: nothing else may run beside it
    pulling: bool = False  # its worker has asked for parts of the image
    begun: bool = False  # its worker has said that a thread works on it


@dataclass(slots=True, eq=False)
class Submitter:
    peer: bytes
    session: bytes
    basic: bool
    liveness: Liveness
    tasks: dict[bytes, Task] = field(default_factory=dict)
    held_bytes: int = 0  # of all its tasks
    result_bytes: int = 0  # of results that it has not acknowledged


@dataclass(slots=True, eq=False)
class Worker:
    """slots is how many leases it may hold, threads how many of them it runs at a time."""

    peer: bytes
    session: bytes
    basic: bool
    liveness: Liveness
    slots: int = 0
    threads: int = 1
    needs_served: frozenset[str] = frozenset()
    host: str = ""
    version: str = ""
    credited: bool = False  # its CREDIT has arrived
    draining: bool = False
    reserved: bool = False  # being emptied for a trial, or running one
    leases: dict[bytes, Lease] = field(default_factory=dict)

    @property
    def load(self) -> float:
        return len(self.leases) / self.threads

    @property
    def open(self) -> bool:
        """Whether it can take one more lease."""
        return not self.draining and not self.reserved and len(self.leases) < self.slots


def _bytes(parts: Iterable[Payload | str]) -> int:
    return sum(len(part) + OBJECT for part in parts)
