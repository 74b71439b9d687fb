"""Whether a transfer that failed is tried again: an outage is waited for, one bad object is given up."""

from __future__ import annotations

from dataclasses import dataclass

from filterfleet.common.backoff import Backoff
from filterfleet.listener.core.scan import Version
from filterfleet.listener.core.settings import FIRST_PAUSE, HIDING, LONGEST_PAUSE, TRIES


@dataclass(slots=True)
class _Trouble:
    tries: int
    successes: int  # of other objects, when this one was last tried
    since: float


class Patience:
    """With one place, the source or the output. Instants are in seconds of any one clock."""

    def __init__(self, limit: float = float("inf")) -> None:
        """limit: seconds after which an object is given up even if no other object succeeds."""
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
        """A transfer has failed that may work later. True: try it again after pause(); False: give the object up."""
        trouble = self._troubled.setdefault(path, _Trouble(0, self._successes - 1, now))
        if trouble.successes < self._successes:  # other objects have succeeded since, so the place itself works
            trouble.tries += 1
            trouble.successes = self._successes
        if trouble.tries >= TRIES or now - trouble.since >= self._limit:
            del self._troubled[path]
            return False
        if self.pause(now) == 0:  # else another failure of the same outage has set the pause
            self._until = now + self._backoff.next()
        return True

    def ended(self, path: str) -> None:
        """This transfer of the object is not tried again. The next one begins anew."""
        self._troubled.pop(path, None)


class Alone:
    """Objects that are in trouble while their place works: each waits for itself, and nothing else does."""

    def __init__(self) -> None:
        self._troubled: dict[str, tuple[Backoff, str]] = {}

    def __contains__(self, path: str) -> bool:
        return path in self._troubled

    def failed(self, path: str, reason: str) -> tuple[float, bool]:
        """Seconds until this object is tried again, and whether the reason is another one than before."""
        backoff, before = self._troubled.get(path) or (Backoff(FIRST_PAUSE, LONGEST_PAUSE), "")
        self._troubled[path] = backoff, reason
        return backoff.next(), reason != before

    def ended(self, path: str) -> None:
        """The trouble is over, or the object is gone."""
        self._troubled.pop(path, None)


class Misses:
    """Objects that the source lists and that cannot be loaded as listed.

    The next listing usually settles it. But some stores list names that can never be loaded: without a limit they would
    be listed and missed forever.
    """

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
        """The object was loaded, or is gone."""
        self._since.pop(path, None)
