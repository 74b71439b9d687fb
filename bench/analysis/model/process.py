"""A process with one thread that talks to others."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from filterfleet.bench.analysis.model.clock import Clock
from filterfleet.bench.analysis.model.machine import Machine
from filterfleet.bench.analysis.model.prices import Count, Price

AT_ONCE = 1024  # messages that are handled in one turn


class Process:
    """It takes what has arrived, lets its core decide, spends the time that this costs, and then does what follows.
    What arrives meanwhile waits for the next turn, so a busy process has more to do in each of them.

    busy is the processor time that it has spent, in seconds.
    """

    def __init__(self, clock: Clock, machine: Machine, price: Price) -> None:
        self.clock = clock
        self.machine = machine
        self.price = price
        self.total = Count()
        self.busy = 0.0
        self._inbox: list[Any] = []
        self._at_work = False
        self._alarm = float("inf")

    def react(self, inbox: list[Any], count: Count) -> list[Callable[[], object]]:
        """Handle what has arrived, and whatever is due. Returns what to do when the time for it has been spent."""
        raise NotImplementedError

    def deadline(self) -> float:
        """When react() has something to do if nothing arrives before."""
        raise NotImplementedError

    def arrive(self, something: Any) -> None:
        self._inbox.append(something)
        if not self._at_work:
            self._turn()

    def wake(self) -> None:
        """Something may have become due."""
        if not self._at_work:
            self._turn()

    def _turn(self) -> None:
        self._at_work = True
        inbox, self._inbox = self._inbox[:AT_ONCE], self._inbox[AT_ONCE:]
        count = Count(turns=1)
        after = self.react(inbox, count)
        self.total.add(count)
        seconds = self.price.of(count)
        self.busy += seconds
        self.machine.spend(seconds, partial(self._end, after))

    def _end(self, after: list[Callable[[], object]]) -> None:
        for action in after:
            action()
        self._at_work = False
        if self._inbox or self.deadline() <= self.clock.now:
            self._turn()
            return
        deadline = self.deadline()
        if deadline < self._alarm:
            self._alarm = deadline
            self.clock.at(deadline, self._ring, deadline)

    def _ring(self, deadline: float) -> None:
        if self._alarm == deadline:
            self._alarm = float("inf")
            self.wake()
