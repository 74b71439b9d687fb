"""A process of the engine `processes` that was forked, with the methods of one that multiprocessing has started."""

from __future__ import annotations

import os
import select

from filterfleet.common.process.zygote import Forked


class ForkedProcess(Forked):
    def __init__(self, pid: int) -> None:
        super().__init__(pid)
        self.sentinel = os.pidfd_open(pid)

    @property
    def exitcode(self) -> int | None:
        return self.poll()

    def is_alive(self) -> bool:
        return self.poll() is None

    def join(self, timeout: float | None = None) -> None:
        """timeout is in seconds."""
        select.select([self.sentinel], [], [], timeout)
        self.poll()

    def close(self) -> None:
        """It has ended, and been joined."""
        os.close(self.sentinel)
