"""What the broker knows: clients and their tasks, workers and their leases. Plain state; others change it.

A TASK

    state       event                                                        next state
    ----------  -----------------------------------------------------------  ----------
    (new)       the broker accepts it from a client                          WAITING
    WAITING     a worker is granted a lease                                  RUNNING
    RUNNING     a second worker is granted a lease: a race                   RUNNING
    RUNNING     one of its two leases ends without an outcome                RUNNING
    RUNNING     its only lease is given back, or never reached the worker    WAITING
    RUNNING     its only lease is lost or expires, and tries are left        WAITING
    RUNNING     the same loss, but during a trial                            DELAYED
    RUNNING     its only lease fails transiently, and tries are left         DELAYED
    RUNNING     its only lease ends badly, and no tries are left             DELIVERING
    RUNNING     a worker sends its result or a permanent failure             DELIVERING
    DELAYED     the delay is over                                            WAITING
    DELIVERING  the outcome is sent again, or asked for again                DELIVERING
    DELIVERING  the worker that still holds the outputs loses the lease      as from RUNNING
    any         the client acknowledges the outcome, cancels, or is gone     ENDED

A waiting task is in the queue, or among the suspects that wait for a trial. Small outputs come inside the result, and
the lease ends with it. Large outputs stay at the worker, under the lease, until the client has pulled them; a worker
that dies meanwhile is not counted as a loss. A basic client cannot acknowledge: its task is ENDED when it is answered,
when it is given up, or when it is too old.

A LEASE

    state       event                                                        next state
    ----------  -----------------------------------------------------------  ----------
    (new)       the scheduler grants it, and its TASK is sent                SENT
    SENT        a BEAT lists it, and not as waiting                          BEGUN
    any         the worker sends GET for a part of the image                 PULLING
    any         a BEAT lists it as waiting: nothing is left to pull          SENT
    any         it ends, in one of the ways listed in scheduler.py           (forgotten)

A BEAT that does not list a PULLING lease as waiting changes nothing: a worker lists what it pulls in the same way as
what it works on. The leases of basic workers stay SENT.
"""

from __future__ import annotations

import enum
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from filterfleet.common.wire import Message, Payload
from filterfleet.common.wire.liveness import Liveness
from filterfleet.common.wire.messages import BLOB_LIMIT

PORTIONS = 16  # parts in which a worker's slots are filled, so that workers with many slots share what there is
OBJECT = 100  # bytes that a frame or a name takes beside its content, roughly
OPAQUE = frozenset({"\0opaque"})  # what a basic client's task needs; no filter can have this name


class TaskState(enum.Enum):
    WAITING = "waiting"  # in the queue, or for a trial
    DELAYED = "delayed"  # until its next try
    RUNNING = "running"  # at least one live lease
    DELIVERING = "delivering"  # the outcome is on its way to the client
    ENDED = "ended"  # forgotten; nothing may happen to it any more


class LeaseState(enum.Enum):
    SENT = "sent"  # the worker has not said that a thread works on it
    PULLING = "pulling"  # the worker is asking for parts of the image
    BEGUN = "begun"  # a thread of the worker works on it


class Ending(enum.StrEnum):
    """How a lease ended that brought no outcome."""

    LOST = "lost"  # its worker died or was cut off
    TRANSIENT = "transient"  # its worker reported a failure that may pass
    EXPIRED = "expired"  # it took too long
    RETURNED = "returned"  # its worker handed the task back after it had begun
    OVERTAKEN = "overtaken"  # another worker was faster


class Tried(NamedTuple):
    """An attempt that is over. began and ended are instants of the broker's clock."""

    worker: str
    ending: Ending
    began: float
    ended: float
    reason: str


class Task(msgspec.Struct, eq=False, gc=False):
    """A client's job. `size` is the image's, in bytes; `payload` holds the image, or is empty when it is pulled.

    held_bytes are those that the broker keeps for the task, without its result, and result_bytes those of its result.
    A struct is made several times faster than a dataclass, and there is one for each task. The garbage collector does
    not know tasks and leases: the circle of a lease and its task is broken when the lease ends.
    """

    client: bytes
    id: bytes
    recipe: bytes
    needs: frozenset[str]
    priority: int
    size: int
    payload: tuple[Payload, ...]
    outputs: tuple[str, ...] = ()  # the names that its result must have; without names, results are not checked
    largest: int = BLOB_LIMIT  # bytes of an output
    stack: tuple[bytes, ...] = ()  # a basic client's address stack behind its routing id
    state: TaskState = TaskState.WAITING
    leases: tuple[Lease, ...] = ()
    avoid: bytes = b""  # the worker that was too slow the last time
    losses: int = 0  # leases whose worker died
    trial_losses: int = 0  # those of them that count: alone on a worker while the rest of the fleet was calm
    failures: int = 0  # transient ones
    expiries: int = 0
    raced: bool = False  # since it was in the queue
    outcome: Message | None = None
    owner: str = ""  # the client's
    reference: bytes = b""  # where the image is in a share, for workers that see it
    place: int = 0  # in its line, while it waits in the queue
    held_bytes: int = 0
    result_bytes: int = 0
    tried: tuple[Tried, ...] = ()  # attempts that brought no outcome, the latest last

    @property
    def output_bytes(self) -> int:
        """Bytes of the outputs that its result has announced."""
        return sum(output.size for output in getattr(self.outcome, "outputs", ()))

    @property
    def can_race(self) -> bool:
        """Whether a second worker may begin it as well. What has lost a worker may be poison, and what never ends would
        have one racer after the other."""
        alone = self.state is TaskState.RUNNING and len(self.leases) == 1
        return alone and not (self.raced or self.losses or self.opaque)

    @property
    def opaque(self) -> bool:
        """Whether it came from a basic client, whose request the broker cannot read."""
        return self.needs is OPAQUE


class Lease(msgspec.Struct, eq=False, gc=False):
    """One worker's right to run a task until `expires`. The token is all that a worker sees of the task's origin."""

    token: bytes
    task: Task
    worker: Worker
    began: float
    expires: float
    alone: bool = False  # a trial: nothing else may run beside it
    state: LeaseState = LeaseState.SENT
    pulled: int = 0  # bytes of its image and outputs that have passed


@dataclass(slots=True, eq=False)
class Submitter:
    """A client that the broker knows, and what it has submitted. `owner` is its key, or its address where there are no
    keys: all clients of one owner share what an owner may have."""

    peer: bytes
    session: bytes
    basic: bool
    liveness: Liveness
    tasks: dict[bytes, Task] = field(default_factory=dict)
    held_bytes: int = 0  # of all its tasks
    result_bytes: int = 0  # of results that it has not acknowledged
    owner: str = ""
    minor: int = 0  # version of PPX


@dataclass(slots=True, eq=False)
class Worker:
    """A worker may hold `slots` leases, and runs `threads` of them at once."""

    peer: bytes
    session: bytes
    basic: bool
    liveness: Liveness
    slots: int = 0
    threads: int = 1
    needs_served: frozenset[str] = frozenset()
    host: str = ""
    version: str = ""
    owner: str = ""  # its key, or its address where there are no keys
    name: str = ""  # of its key, if there are keys
    address: str = ""
    since: float = 0.0  # when it came
    minor: int = 0  # version of PPX
    credited: bool = False  # its CREDIT has arrived
    draining: bool = False
    reserved: bool = False  # being emptied for a trial, or running one
    leases: dict[bytes, Lease] = field(default_factory=dict)

    @property
    def said(self) -> dict[str, str]:
        """For the log: who it is, as far as that is known."""
        known = {"worker": self.host or self.peer.hex(), "name": self.name, "address": self.address}
        return {what: value for what, value in known.items() if value}

    @property
    def load(self) -> float:
        """Leases per thread."""
        return len(self.leases) / self.threads

    @property
    def open(self) -> bool:
        """Whether it can take one more lease."""
        return not self.draining and not self.reserved and len(self.leases) < self.slots

    @property
    def behind(self) -> list[Lease]:
        """The leases beyond those that its threads run. It takes them in the order in which they were granted."""
        if len(self.leases) <= self.threads:
            return []
        return [lease for lease in self.leases.values() if lease.task.state is TaskState.RUNNING][self.threads :]

    def lost_on_the_way(self, held: set[bytes], old: float) -> list[Lease]:
        """Leases that it will never receive. It holds a later one, and messages arrive in order; or they were granted
        before the instant `old`. A shorter wait proves nothing, because a slow link may carry a task for long."""
        leases = list(self.leases.values())
        last = max((n for n, lease in enumerate(leases) if lease.token in held), default=0)
        return [lease for n, lease in enumerate(leases) if lease.token not in held and (n < last or lease.began < old)]

    @property
    def portion(self) -> int:
        """How many tasks it is given before another worker has its turn: one, or a part of its many slots."""
        return max(1, min(self.slots // PORTIONS, self.slots - len(self.leases)))


def held_by(task: Task) -> int:
    """What its held_bytes have to be: the image, and everything else of variable size, so that a task cannot be larger
    than it is counted."""
    parts = task.payload, task.stack, task.needs, task.outputs
    return sum(map(size_of, parts)) + len(task.recipe) + len(task.reference)


def size_of(parts: Collection[Payload | str]) -> int:
    """Bytes that these frames or names take, as the broker counts them."""
    if len(parts) == 1:
        return len(next(iter(parts))) + OBJECT
    return sum(map(len, parts)) + OBJECT * len(parts)
