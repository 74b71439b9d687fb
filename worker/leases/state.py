"""The states of a lease at the worker, and what leads from one to the next.

    state         event                                                 next state
    (none)        TASK with its image, or a request of a foreign queue  HANDED_OVER   Run
    (none)        TASK without its image                                PULLING       GET
    (none)        TASK with a reference, at a worker with shares        HANDED_OVER   Run
    (none)        TASK with an image that is too large                  FINISHED      FAILED
    (none)        TASK while draining, or beyond what the worker holds  (none)        NACK
    PULLING       a part of the image                                   PULLING       Store; GET when it has been stored
    PULLING       the last part has been stored                         HANDED_OVER   Run; BEAT for a trial
    PULLING       a part cannot be stored                               FINISHED      Discard; FAILED
    HANDED_OVER   on_begun()                                            BEGUN         BEAT for a trial
    in work       on_not_shared()                                       PULLING       GET
    in work       on_result(), on_failed()                              FINISHED      RESULT or FAILED
    in work       ... for a request of a foreign queue                  (none)        the reply, or nothing
    FINISHED      on_unreadable()                                       FINISHED      Close; FAILED
    FINISHED      RESEND seconds without RESULTOK                       FINISHED      RESULT or FAILED once more
    unfinished    hand_back()                                           (none)        Abandon, Discard; NACK
    HANDED_OVER   tasks have become long, and it is beyond the reserve  (none)        Abandon; NACK
    any           RESULTOK, CANCEL                                      (none)        Abandon, Discard, Close
    any           HELLO of another session, a silent or refusing broker (none)        Abandon, Discard, Close

In work are HANDED_OVER and BEGUN. A trial is a task that is to be alone. Of the actions in the last lines, those apply
that the lease gives reason for: Abandon when it is in work, Discard when it is PULLING, Close when its outputs are in
files.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable

from msgspec import Struct

from filterfleet.common import wire
from filterfleet.common.payload import Blob, OpenFile
from filterfleet.common.wire.pull import Pull
from filterfleet.worker.leases.actions import Action, Close


class LeaseState(enum.Enum):
    PULLING = 1  # the image is on its way
    HANDED_OVER = 2  # the shell has the image
    BEGUN = 3  # the shell has said that a thread works on it
    FINISHED = 4  # the outcome is on its way to the broker; outcomes.py repeats it


class Lease(Struct, eq=False, gc=False):
    token: bytes
    state: LeaseState
    task: wire.Task | None = None
    opaque: bool = False
    alone: bool = False
    stack: tuple[bytes, ...] = ()  # the addresses of a foreign queue's request
    pull: Pull | None = None  # while PULLING, into the blob of this number:
    blob: int = 0
    begun_at: float = 0.0  # once it has BEGUN
    outputs: dict[str, Blob] = {}  # those that are pulled from us, by name

    @property
    def in_work(self) -> bool:
        state = self.state
        return state is LeaseState.HANDED_OVER or state is LeaseState.BEGUN


def closing(blobs: Iterable[Blob]) -> list[Action]:
    """The actions that close those of the blobs that are in files."""
    return [Close(blob) for blob in blobs if isinstance(blob, OpenFile)]
