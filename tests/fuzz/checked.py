"""An environment in which glibc checks the heap. Who writes beyond a block dies when that block is freed."""

from __future__ import annotations

import ctypes
import os

_LIBRARY = "libc_malloc_debug.so.0"  # since glibc 2.34, MALLOC_CHECK_ works only with this library


def library() -> str | None:
    """The library that checks the heap, if this machine has it."""
    try:
        ctypes.CDLL(_LIBRARY)
    except OSError:
        return None
    return _LIBRARY


def environment() -> dict[str, str]:
    """This process's environment, with a checked heap where the machine can check it."""
    found = library()
    return {**os.environ, **({"LD_PRELOAD": found, "MALLOC_CHECK_": "3"} if found else {})}
