"""Ctrl-C reaches every process of a terminal's job; only the one that drives the batch is to act on it."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from multiprocessing import resource_tracker


@contextlib.contextmanager
def kept_from_children() -> Iterator[None]:
    """Processes that this thread starts in here never see SIGINT; nor do threads, and what these start later.

    This process sees one that comes meanwhile at the end: half a start would make the child complain.
    """
    resource_tracker.ensure_running()  # now, since its start unblocks the signal
    with _postponed():
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def _postponed() -> Iterator[None]:
    """Blocking it is not enough: a library's thread may take it, and Python then interrupts the main thread."""
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
