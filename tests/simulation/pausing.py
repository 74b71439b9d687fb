"""What the users of a listener know of whether it is paused."""

from __future__ import annotations

from collections.abc import Iterable

from filterfleet.listener.core.actions import Action, Load
from filterfleet.listener.core.order import Order, Pause, Resume
from tests.simulation.invariants import InvariantError


class Pausing:
    def __init__(self) -> None:
        self._may_load: frozenset[str] | None = None  # while paused: what was under way then

    def ordered(self, order: Order) -> None:
        if isinstance(order, Resume):
            self._may_load = None

    def answered(self, order: Order, others: Iterable[Order], under_way: Iterable[str]) -> None:
        """others: the orders that are not answered yet; under_way: the paths in the window."""
        if isinstance(order, Pause) and not any(isinstance(other, Resume) for other in others):
            self._may_load = frozenset(under_way)

    def killed(self) -> None:
        if self._may_load is not None:
            self._may_load = frozenset()

    def check(self, name: str, actions: Iterable[Action]) -> None:
        for action in actions:
            if isinstance(action, Load) and self._may_load is not None and action.path not in self._may_load:
                raise InvariantError(f"{name} is paused, and begins {action.path}")
