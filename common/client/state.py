"""The states of a client's job, and what leads from one to the next.

state          event                                       next state
(none)         submit()                                    OPEN           SUBMIT, when its turn comes
OPEN           RESULT without its outputs                  FETCHING       GET
FETCHING       a part of an output                         FETCHING       Store; GET when it has been stored
FETCHING       the last part has been stored               DELIVERED      Deliver
FETCHING       RESULT that differs, without its outputs    FETCHING       Discard; GET from the beginning
FETCHING       a part cannot be stored                     WITHOUT_ROOM   Discard
FETCHING       ... for the SHORTAGES-th time               DELIVERED      Discard; Deliver a failure
WITHOUT_ROOM   RESULT without its outputs                  FETCHING       GET
WITHOUT_ROOM   ROOM_PATIENCE later                         OPEN           SUBMIT, to be told the result again
DELIVERED      submit()                                    OPEN           SUBMIT, for an outcome of its own
DELIVERED      acknowledge()                               (none)         RESULTOK
undelivered    FAILED, or RESULT with its outputs          DELIVERED      Discard; Deliver
undelivered    HELLO of another session                    OPEN           Discard; SUBMIT
any            cancel()                                    (none)         Discard; CANCEL
"""

from __future__ import annotations

import enum

from msgspec import Struct

from filterfleet.common.client.fetch import Fetch
from filterfleet.common.jobs.job import Job


class JobState(enum.Enum):
    OPEN = 1  # submitted, or to be submitted
    FETCHING = 2
    WITHOUT_ROOM = 3  # for the outputs, which are asked for again at retry_at
    DELIVERED = 4


class Entry(Struct, eq=False, gc=False):
    """A job that the application has not acknowledged."""

    job: Job
    state: JobState = JobState.OPEN
    retry_at: float = 0.0
    fetch: Fetch | None = None  # while FETCHING
    shortages: int = 0  # how often there was no room for the outputs
