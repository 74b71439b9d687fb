"""File descriptors that wake a poll, for threads that have finished something and for signals."""

from __future__ import annotations

import contextlib
import signal
import socket
from types import FrameType
from typing import Any

from filterfleet.common.process import hangup


class Wakeup:
    """One thread polls fileno(); any thread or signal handler may call set() to wake it.

    When fileno() can be read, the one that polls calls clear() before it looks for what the others have left for it.
    While it is set, nobody else needs to set it.
    """

    def __init__(self) -> None:
        self.is_set = False
        self._read, self._write = socket.socketpair()
        self._read.setblocking(False)
        self._write.setblocking(False)

    def fileno(self) -> int:
        return self._read.fileno()

    def set(self) -> None:
        if self.is_set:
            return
        self.is_set = True
        with contextlib.suppress(OSError):  # full: it is set already; closed: nobody polls any more
            self._write.send(b"\0")

    def clear(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._read.recv(4096)
        self.is_set = False  # last, so that a set() in between finds its byte unread, or its caller is looked at now

    def close(self) -> None:
        self._read.close()
        self._write.close()
        self.is_set = False


class Caught:
    """Counts signals and wakes the thread that polls fileno(). Only the main thread can make one.

    close() brings the former handlers back.
    """

    def __init__(self, *numbers: signal.Signals) -> None:
        self.count = 0
        self._wakeup = Wakeup()
        self._before: dict[signal.Signals, Any] = {number: signal.signal(number, self._on_signal) for number in numbers}

    @property
    def is_set(self) -> bool:
        return self.count > 0

    def fileno(self) -> int:
        return self._wakeup.fileno()

    def clear(self) -> None:
        self._wakeup.clear()

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self.count += 1
        self._wakeup.set()

    def close(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._wakeup.close()


class StopSignal(Caught):
    """SIGTERM and SIGINT: the process is to end. A count above 1 means that it should hurry."""

    def __init__(self) -> None:
        super().__init__(signal.SIGTERM, signal.SIGINT)


class ReloadSignal(Caught):
    """SIGHUP: the process is to read its files again. One that was held comes now. Where they were held, they mean
    nothing after close(): the process is ending."""

    def __init__(self) -> None:
        super().__init__(signal.SIGHUP)
        if hangup.release():
            self._before[signal.SIGHUP] = signal.SIG_IGN

    def take(self) -> bool:
        """Whether the signal has come since the last call."""
        if not self.count:  # as in almost every turn of a loop, and there is nothing to clear
            return False
        self.clear()
        came, self.count = self.is_set, 0
        return came
