"""Processes that are replaced by ones with other arguments, one after another, so that the work goes on."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from filterfleet.common.process.supervisor import Child, Spec

# Seconds that a new process has to be ready, before the next one is replaced. More keeps more of the old ones while new
# ones do not work; less is done sooner.
FIRST_STEPS = 30.0


class Renewal:
    """The children of a supervisor that are still to be replaced, and the one that is being replaced now."""

    def __init__(self, patience: float) -> None:
        """patience: seconds that a child has to end, before it is killed."""
        self._patience = patience
        self._waiting: list[tuple[Child, Spec]] = []
        self._current: Child | None = None
        self._until = 0.0  # when we go on without the current one

    def begin(self, children: Iterable[Child], specs: Iterable[Spec]) -> None:
        """Give each child the spec of its name, in place of whatever it was to get before."""
        named = {spec.name: spec for spec in specs}
        self._waiting = [(child, named[child.spec.name]) for child in children if child.spec.name in named]

    def turn(self) -> None:
        """To be called in every turn of the supervisor."""
        now = time.monotonic()
        if self._current is not None:
            if self._current.leaving:
                if now >= self._until and self._current.process is not None:
                    self._current.process.kill()
                return
            if not self._current.ready and now < self._current.started + FIRST_STEPS:
                return
            self._current = None
        if self._waiting:
            child, spec = self._waiting.pop(0)
            child.spec = spec
            if child.process is not None:
                child.leaving, self._current, self._until = True, child, now + self._patience
                child.process.send_signal(signal.SIGTERM)
                child.process.send_signal(signal.SIGCONT)
