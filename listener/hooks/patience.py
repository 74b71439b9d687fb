"""Whether an event that was not taken is told again, and when."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from filterfleet.common.backoff import Backoff

# FIRST, LONGEST: seconds between two tries, which double. More spares a receiver in trouble; less tells it sooner.
FIRST, LONGEST = 1.0, 300.0
# TRIES: how often an event is told to a receiver that refuses it. More: a receiver that is being repaired loses less.
# Less: an event that it never takes holds up the others for less long.
TRIES = 5
# GIVE_UP: seconds after its first try at which an event is dropped, though its receiver cannot be reached. More: a
# longer outage loses nothing. Less: what is told then is less old.
GIVE_UP = 24 * 3600.0
# OLDEST: seconds after its end from which nobody is told of an image. It bounds what waits for a receiver that is away.
OLDEST = 3 * 24 * 3600.0


class Answer(enum.Enum):
    TAKEN = "taken"
    REFUSED = "refused"  # the receiver works, and did not take this event
    AWAY = "away"  # it cannot be reached, or says that it has no time
    GONE = "gone"  # it says that it will never take any


@dataclass(frozen=True, slots=True)
class Told:
    """How a try ended. reason is a few words about it; wait is how many seconds the receiver asks for."""

    answer: Answer
    reason: str = ""
    wait: float = 0.0


class Patience:
    """With one event."""

    def __init__(self, now: float) -> None:
        self._began = now
        self._tries = 0
        self._backoff = Backoff(FIRST, LONGEST)

    def pause(self, told: Told, now: float) -> float | None:
        """Seconds until the next try after one that was in vain; None: the event is dropped."""
        self._tries += told.answer is Answer.REFUSED
        wait = max(self._backoff.next(), min(told.wait, LONGEST))
        if told.answer is Answer.GONE or self._tries >= TRIES or now + wait - self._began > GIVE_UP:
            return None
        return wait
