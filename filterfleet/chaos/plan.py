"""The plan of a storm: what is done to which process, and when. A seed decides, before anything starts."""

from __future__ import annotations

import enum
import random
from collections.abc import Sequence
from dataclasses import dataclass

# Ranges of seconds, each from the least to the most.
GAP = 0.5, 2.5  # from one step to the next: less hits processes more often while they start
BRIEF = 0.5, 3.0  # of a freeze that heartbeats forgive
LONG = 5.0, 8.0  # of a freeze after which a process has been declared dead, and comes back


class Deed(enum.StrEnum):
    KILL = "kill"  # SIGKILL
    FREEZE = "freeze"  # SIGSTOP, and later SIGCONT
    RESTART = "restart"  # SIGTERM


@dataclass(frozen=True, slots=True)
class Step:
    """An attack on the process named whom. at is in seconds after the beginning; lasts, in seconds, is for a freeze."""

    at: float
    deed: Deed
    whom: str
    lasts: float = 0.0

    def __str__(self) -> str:
        how_long = f" for {self.lasts:.1f} s" if self.deed is Deed.FREEZE else ""
        return f"{self.at:6.1f} s  {self.deed} {self.whom}{how_long}"


def make_plan(seed: int, seconds: float, names: Sequence[str]) -> tuple[Step, ...]:
    """A plan whose steps, freezes included, have all ended after the given seconds. It depends on the arguments alone.

    Deeds are dealt like cards: every process suffers every deed once before one of them suffers a deed again.
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
