"""What the children of a supervisor have told, for the page that their parent serves."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from filterfleet.common.metrics.families import Family, decoded, gauge, labelled
from filterfleet.common.metrics.processes import process_families
from filterfleet.common.metrics.telling import WANTED
from filterfleet.common.process.supervisor import Child, Supervisor

# Seconds after which what a child has told counts for nothing, for instance because it is stopped. More: a busy machine
# leaves no gaps. Less: numbers of a process that hangs vanish sooner.
FRESH = 15.0


class Children:
    """is_one_of_many: whether there are several children with this name but for its number; their samples get the
    label `process`."""

    def __init__(self, is_one_of_many: Callable[[str], bool]) -> None:
        self._is_one_of_many = is_one_of_many
        self._children: Sequence[Child] = ()

    def look(self, supervisor: Supervisor) -> bool:
        """To be called by the supervisor in its turns. False: it is to go on."""
        self._children = supervisor.children
        return False

    def families(self) -> list[Family]:
        """Of all children that run. Only those that have told numbers lately have more than what the system knows. From
        any thread."""
        now = time.monotonic()
        # The supervisor's thread may change a child at any moment, so each value is read once.
        running = {child.spec.name: process.pid for child in self._children if (process := child.process) is not None}
        told = {
            child.spec.name: numbers
            for child in self._children
            if child.spec.name in running and (numbers := child.numbers) and now - child.told < FRESH
        }
        asked = {child.spec.name for child in self._children if WANTED in child.spec.environment}
        answers = {name: float(name in told) for name in running if name in asked}
        families = process_families(running)
        text = "Whether a process has told its numbers lately."
        families.append(gauge("filterfleet_process_responding", text, answers, "process"))
        for name, numbers in told.items():
            found = decoded(numbers)
            families += labelled(found, process=name) if self._is_one_of_many(name) else found
        return families
