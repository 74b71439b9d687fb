"""The broker's numbers. Seconds, bytes and counts; the defaults suit photographs on a LAN."""

from __future__ import annotations

from dataclasses import dataclass

from filterfleet.common.wire.liveness import HEARTBEAT_INTERVAL, MISSED_BEATS
from filterfleet.common.wire.messages import INLINE_LIMIT


@dataclass(frozen=True, slots=True)
class Settings:
    interval: float = HEARTBEAT_INTERVAL
    missed: int = MISSED_BEATS
    inline_limit: int = INLINE_LIMIT

    task_timeout: float = 300.0  # a lease's life, from dispatch or the last chunk pulled
    dispatch_patience: float = 60.0  # until a task that its worker never speaks of was lost on the way
    opaque_life: float = 60.0  # how long a basic client's request may wait; the client has gone by then

    shared_losses: int = 3  # workers lost beside other tasks before a task is tried alone
    trial_losses: int = 2  # workers lost alone, in a calm fleet, before it is called poison
    total_losses: int = 20  # the end, however stormy the fleet is
    calm: float = 5.0  # no other worker died for so long: the loss says something about the task
    failures: int = 3  # transient failures before giving up
    retry_delay: float = 1.0  # doubles with every failure
    expiries: int = 2  # deadlines missed before giving up

    straggler_factor: float = 4.0  # times the mean duration before a second lease is given
    straggler_age: float = 2.0  # and at least this old

    peers: int = 4096  # known at a time at each port; the next one is not answered
    tasks: int = 100_000  # held at most
    kinds: int = 64  # different lists of filters that one client's waiting tasks need
    held_bytes: int = 1 << 30  # of images, and of what comes with tasks, at most
    result_bytes: int = 512 << 20  # of results that nobody has acknowledged, beside those of leases under way
    share: float = 8.0  # times what is left of either cap: so much one client may hold
    urgent_share: float = 64.0  # the same for tasks of priority 0
    spare: int = 2 << 30  # bytes of memory beside them, above all for what libzmq has in its queues
    busy_delay: float = 0.5  # what a client refused for these caps is told to wait
    resend: float = 30.0  # until an outcome nobody acknowledged is sent again
