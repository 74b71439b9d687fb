"""What is done to whom, and when: drawn from a seed, before anything starts."""

from __future__ import annotations

import enum
import random
from collections.abc import Sequence
from dataclasses import dataclass

GAP = 0.5, 2.5  # seconds from one step to the next
BRIEF = 0.5, 3.0  # seconds of a freeze that heartbeats forgive
LONG = 5.0, 8.0  # seconds of one for which a process is declared dead, and comes back


class Deed(enum.StrEnum):
    KILL = "kill"  # SIGKILL
    FREEZE = "freeze"  # SIGSTOP, and later SIGCONT
    RESTART = "restart"  # SIGTERM


@dataclass(frozen=True, slots=True)
class Step:
    """at is in seconds after the beginning, lasts those of a freeze, whom the name of a process."""

    at: float
    deed: Deed
    whom: str
    lasts: float = 0.0

    def __str__(self) -> str:
        how_long = f" for {self.lasts:.1f} s" if self.deed is Deed.FREEZE else ""
        return f"{self.at:6.1f} s  {self.deed} {self.whom}{how_long}"


def make_plan(seed: int, seconds: float, names: Sequence[str]) -> tuple[Step, ...]:
    """The same for the same arguments. Everything has ended after so many seconds.

    Deeds are dealt like cards: everybody suffers everything once before anybody suffers anything twice.
    """
    rng = random.Random(seed)  # noqa: S311 - repeatable, not secret
    deck: list[tuple[Deed, str]] = []
    steps: list[Step] = []
    at = 0.0
    while (at := round(at + rng.uniform(*GAP), 1)) < seconds:
        if not deck:
            deck = [(deed, name) for deed in Deed for name in names]
            rng.shuffle(deck)
        deed, whom = deck.pop()
        lasts = 0.0
        if deed is Deed.FREEZE:
            lasts = round(min(rng.uniform(*rng.choice((BRIEF, LONG))), seconds - at), 1)
        steps.append(Step(at, deed, whom, lasts))
    return tuple(steps)
