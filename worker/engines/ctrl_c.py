"""Ctrl-C reaches every process of a terminal's job, but only the one that drives the batch should act on it."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from multiprocessing import resource_tracker


@contextlib.contextmanager
def kept_from_children() -> Iterator[None]:
    """Processes that this thread starts inside the block never see SIGINT. Nor do threads that it starts there, and
    their processes.

    If SIGINT arrives during the block, this process sees it at the end: a child that is started halfway would print a
    traceback.
    """
    resource_tracker.ensure_running()  # before the signal is blocked, since its start unblocks it
    with _postponed():
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def _postponed() -> Iterator[None]:
    """Holds SIGINT back during the block. Blocking it is not enough: a thread of a library may take the signal, and
    Python then interrupts the main thread.
    """
    handler = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or handler is None:
        yield
        return
    pressed = threading.Event()
    signal.signal(signal.SIGINT, lambda *_: pressed.set())
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
        if pressed.is_set():
            signal.raise_signal(signal.SIGINT)
