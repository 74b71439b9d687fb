"""When to try a transfer again that failed, and when to give it up: an outage is waited for, one bad object is not."""

from __future__ import annotations

from dataclasses import dataclass

from filterfleet.common.backoff import Backoff
from filterfleet.listener.core.scan import Version

TRIES = 3  # of an object while others succeed
HIDING = 10.0  # seconds for which a listing may show what cannot be loaded as it shows it
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0  # seconds; doubling


@dataclass(slots=True)
class _Trouble:
    tries: int
    successes: int  # of others when it was last tried
    since: float


class Patience:
    """Of one place, source or output. Instants are in seconds of any one clock."""

    def __init__(self, limit: float = float("inf")) -> None:
        """limit: seconds after which an object is given up even if nothing else succeeds."""
        self._limit = limit
        self._backoff = Backoff(FIRST_PAUSE, LONGEST_PAUSE)
        self._until = float("-inf")
        self._successes = 0
        self._troubled: dict[str, _Trouble] = {}

    def pause(self, now: float) -> float:
        """Seconds to wait before the next transfer."""
        return max(0.0, self._until - now)

    def succeeded(self, path: str) -> None:
        self._successes += 1
        self._troubled.pop(path, None)
        self._backoff.reset()
        self._until = float("-inf")

    def failed(self, path: str, now: float) -> bool:
        """A transfer failed that may work later; False when this object is to be given up. Else, try it after
        pause()."""
        trouble = self._troubled.setdefault(path, _Trouble(0, self._successes - 1, now))
        if trouble.successes < self._successes:  # the place as a whole is well
            trouble.tries += 1
            trouble.successes = self._successes
        if trouble.tries >= TRIES or now - trouble.since >= self._limit:
            del self._troubled[path]
            return False
        if self.pause(now) == 0:  # else others have failed since, in the same outage
            self._until = now + self._backoff.next()
        return True


class Misses:
    """Objects that are listed, and not there like this when they are loaded. Mostly the next listing knows better; but
    some stores list names that nobody can ask for, and without an end to it they would be listed for that for ever."""

    def __init__(self) -> None:
        self._since: dict[str, tuple[Version, float]] = {}

    def missed(self, path: str, version: Version, now: float) -> bool:
        """False when this version is to be given up."""
        known, since = self._since.get(path, (version, now))
        if known != version:
            since = now
        if now - since >= HIDING:
            del self._since[path]
            return False
        self._since[path] = version, since
        return True

    def found(self, path: str) -> None:
        """It was loaded, or has gone."""
        self._since.pop(path, None)
