"""Orders of people who look at the page, for the listener: the ledger's one writer carries them out."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from filterfleet.common.errors import FleetError
from filterfleet.listener.core.order import Order
from filterfleet.listener.orders.box import Box

PATIENCE = 5.0  # seconds that a listener has to carry out an order before we stop waiting for its answer


class Desk:
    """Where orders are put. From any thread."""

    def __init__(self, state: Path) -> None:
        self._state = state

    def give(self, sources: Sequence[str], order: Order) -> dict[str, Any]:
        """Give the order to the listener of each source, and say what has become of it.

        state: done, with the number of objects that it concerned; given, to a listener that has not answered yet; or
        waits, because none is running. Raises FleetError.
        """
        said = [self._given(source, order) for source in sources]
        states = {state for state, _ in said}
        state = "given" if "given" in states else "done" if "done" in states else "waits"
        return {"state": state, "count": sum(count for _, count in said)}

    def _given(self, source: str, order: Order) -> tuple[str, int]:
        with contextlib.closing(Box(self._state, source)) as box:
            id_ = box.put(order)
            if not box.has_listener:
                return "waits", 0
            answer = box.answer_to(id_, PATIENCE)
        if answer is None:
            return "given", 0
        if "error" in answer:
            raise FleetError(str(answer["error"]))
        return "done", int(answer["count"])
