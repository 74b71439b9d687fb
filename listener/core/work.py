"""One path on its way through the listener.

Each state but PROCESSING stands for one transfer that is under way, or that waits to be tried again:

    state        entered                              it ends in     and then comes
    -----------  -----------------------------------  -------------  ------------------------------------------
    LOADING      taken from the line                  Loaded         PROCESSING; COPYING, if a twin is done; LEAVING,
                                                                     or the end, if it was found again and is the same
                                                      Refused        TELLING, or the end: failed
                                                      failure        TELLING, or the end: failed, or looked at anew
    PROCESSING   submitted, or attached to a job      Ended          WRITING; TELLING, or the end: failed
                 of the same content                  SourceChanged  the end: looked at anew
    COPYING      the same content is done elsewhere   Copied         PUBLISHING; PROCESSING, if it is gone
                                                      failure        PROCESSING
    WRITING      the engine has a result              Written        PUBLISHING
                                                      failure        TELLING, or the end: failed
    PUBLISHING   the outputs are written; begins      Published      CLEARING, LEAVING, or the end: done
                 with a group (core.group)            trouble        COPYING or WRITING, which has failed
    TELLING      failed permanently; begins when the  Told           the end: failed
                 ledger knows that it may be told     failure        the end: failed
    CLEARING     done, and the output may still tell  Cleared        LEAVING, or the end
                 of a failure                         failure        LEAVING, or the end
    LEAVING      done; begins when that is durable    TakenAway      the end
                                                      failure        the end

"failure" is TransferFailed, after as many attempts as patience.Patience allows.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from filterfleet.common.payload import Blob
from filterfleet.common.wire import Result, Try
from filterfleet.listener.core.books import Attempt
from filterfleet.listener.core.events import Cleared, Copied, Loaded, Refused, Success, TakenAway, Told, Written
from filterfleet.listener.core.scan import Version
from filterfleet.listener.core.sidecar import Sidecar, with_sidecar


class State(enum.StrEnum):  # whose hash is that of a string: an Enum computes it anew each time
    WAITING = "waiting"  # in the line
    LOADING = "loading"
    PROCESSING = "processing"
    COPYING = "copying"
    WRITING = "writing"
    PUBLISHING = "publishing"
    TELLING = "telling"
    CLEARING = "clearing"
    LEAVING = "leaving"
    ENDED = "ended"


_NEXT = {
    State.WAITING: {State.LOADING, State.CLEARING, State.LEAVING},  # the last two: left over by an earlier life
    State.LOADING: {State.PROCESSING, State.COPYING, State.TELLING, State.LEAVING, State.ENDED},
    State.PROCESSING: {State.WRITING, State.TELLING, State.ENDED},
    State.COPYING: {State.PROCESSING, State.PUBLISHING},
    State.WRITING: {State.PUBLISHING, State.TELLING, State.ENDED},
    State.PUBLISHING: {State.COPYING, State.WRITING, State.CLEARING, State.LEAVING, State.ENDED},
    State.TELLING: {State.ENDED},
    State.CLEARING: {State.LEAVING, State.ENDED},
    State.LEAVING: {State.ENDED},
    State.ENDED: set(),
}
_STATE_OF: dict[type[Success], State] = {
    Loaded: State.LOADING,
    Refused: State.LOADING,
    Written: State.WRITING,
    Copied: State.COPYING,
    Told: State.TELLING,
    Cleared: State.CLEARING,
    TakenAway: State.LEAVING,
}
AT_SOURCE = frozenset({State.LOADING, State.LEAVING})  # where their transfers happen; all others are at the output


@dataclass(slots=True, eq=False)
class Work:
    """fresh: it goes before the backfill. departs: it leaves the source when it is done. again: it was found again, and
    its content may be the one that is done. image is set from loading to submission, result from the outcome to the
    record; reason is that of a failure."""

    path: str
    version: Version
    fresh: bool
    departs: bool
    again: bool = False
    state: State = State.WAITING
    job: bytes = b""
    image: Blob | None = None
    original: str = ""  # the path of a twin that is done
    result: Result | None = None
    turnaround: float = 0.0  # seconds from submission to result
    writing: float = 0.0  # seconds
    reason: str = ""
    worker: str = ""  # host/process of the one at which it has failed
    tries: tuple[Try, ...] = ()  # what the broker had tried before it failed
    sidecar: Sidecar | None = None  # that was written last

    @property
    def recorded(self) -> Result:
        """The result as the ledger gets it."""
        assert self.result is not None
        return with_sidecar(self.result, self.sidecar)

    @property
    def attempt(self) -> Attempt:
        """For the record of a failure."""
        return Attempt(self.job, self.worker, self.turnaround, self.tries)

    def enter(self, state: State) -> None:
        """Raises AssertionError for a transition that the table does not have."""
        assert state in _NEXT[self.state], f"{self.path} cannot go from {self.state.value} to {state.value}"
        self.state = state

    def expect(self, event: Success) -> None:
        """Raises AssertionError unless this is what its state can end in."""
        assert self.state is _STATE_OF[type(event)], f"{self.path} is {self.state.value}, and hears {event!r:.80}"
