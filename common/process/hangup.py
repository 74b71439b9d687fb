"""SIGHUP, with which a daemon reads its settings again, at a time when it cannot yet."""

from __future__ import annotations

import signal

_HANGUP = {signal.SIGHUP}


def hold() -> None:
    """The signal waits in the kernel, until release(). Otherwise it would end a daemon that is starting."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _HANGUP)


def release() -> bool:
    """One that waits comes now. Whether they were held. To be called when there is a handler."""
    return signal.SIGHUP in signal.pthread_sigmask(signal.SIG_UNBLOCK, _HANGUP)
