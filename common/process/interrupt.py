"""Ctrl-C while modules are loaded: Python would show the place where it was, which says nothing to anybody."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quietly() -> Iterator[None]:
    """Ctrl-C ends the process at once. That is for the main thread, at a time when nothing can be lost."""
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:  # nohup, say, has it ignored
        yield
        return
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        as_usual()


def as_usual() -> None:
    """In a process that was forked meanwhile, too."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)
