"""The ledger, read on a thread of its own, so that a long look keeps nobody waiting but those who asked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from filterfleet.listener.ledger.history import History

Answer = TypeVar("Answer")


class Reader:
    def __init__(self, ledger: Path) -> None:
        self._history = History(ledger)
        self._thread = ThreadPoolExecutor(1, "ledger")

    async def ask(self, question: Callable[[History], Answer]) -> Answer:
        """Raises FleetError when there is no ledger, or none that can be read."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, question, self._history)

    def close(self) -> None:
        self._thread.shutdown()
