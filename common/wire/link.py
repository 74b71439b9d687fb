"""A peer's own end of its connection to a broker, as RFC 6/PPP has it, for workers and clients alike.

It knows when to send a heartbeat, when silence means that the broker is dead, and when to come back on a new socket.
"""

from __future__ import annotations

from filterfleet.common.backoff import Backoff
from filterfleet.common.wire.liveness import HEARTBEAT_INTERVAL, MISSED_BEATS, Liveness


class Link:
    """Instants are of one monotonic clock, in seconds. The link is broken between two sockets.

    With several brokers, each new socket goes to the next one, whose number is `broker`. There is no pause until all of
    them have been tried.
    """

    __slots__ = (
        "_backoff",
        "_brokers",
        "_interval",
        "_liveness",
        "_missed",
        "_next_beat",
        "_reopen_at",
        "_tried",
        "broker",
    )

    def __init__(self, brokers: int = 1) -> None:
        self.broker = 0
        self._brokers = brokers
        self._tried = 0  # brokers tried in vain since one was heard, or since the last pause
        self._interval = HEARTBEAT_INTERVAL
        self._missed = MISSED_BEATS
        self._liveness = Liveness(0.0)
        self._backoff = Backoff()
        self._reopen_at: float | None = None
        self._next_beat = 0.0

    @property
    def broken(self) -> bool:
        return self._reopen_at is not None

    @property
    def deadline(self) -> float:
        """When there is something to do again."""
        if self._reopen_at is not None:
            return self._reopen_at
        return min(self._next_beat, self._liveness.expires)

    def opened(self, now: float) -> None:
        """There is a new socket."""
        self._reopen_at = None
        self._liveness = Liveness(now, self._interval, self._missed)
        self._next_beat = now + self._interval

    def agreed(self, interval: float, missed: int, now: float) -> None:
        """The broker has named its own interval (in seconds) and number of missed heartbeats."""
        self._interval, self._missed = interval, missed
        self._liveness = Liveness(now, interval, missed)

    def heard(self, now: float) -> None:
        """The broker is alive."""
        self._liveness.heard(now)
        self._backoff.reset()
        self._tried = 0

    def silent(self, now: float) -> bool:
        """Whether the broker has been silent for so long that it counts as dead."""
        return self._liveness.expired(now)

    def breaks(self, now: float) -> None:
        """Give the socket up. The pause before each new round of all brokers is twice the one before."""
        self.broker = (self.broker + 1) % self._brokers
        self._tried = (self._tried + 1) % self._brokers
        self._reopen_at = now if self._tried else now + self._backoff.next()

    def reopens(self, now: float) -> bool:
        """Whether the pause is over."""
        return self._reopen_at is not None and self._reopen_at <= now

    def beats(self, now: float) -> bool:
        """Whether a heartbeat is due. Each is reported once."""
        if self._next_beat > now:
            return False
        self._next_beat = now + self._interval
        return True
