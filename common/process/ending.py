"""The end of a process."""

from __future__ import annotations

import atexit
import errno
import os
import sys
import threading
from typing import NoReturn

LOST_OUTPUT = 120  # the exit code of an interpreter that could not write everything
FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})  # what a disk says that takes nothing more


def lost_output(error: OSError) -> str:
    """What a command says that could not print everything."""
    return f"Not everything could be printed: {error.strerror}."


def end(code: object) -> NoReturn:
    """End this process as the interpreter would, but for taking apart what is in memory, which takes 20 ms, and for
    functions that libraries in C have registered with the interpreter alone. code is that of a SystemExit."""
    threading._shutdown()  # type: ignore[attr-defined]  # noqa: SLF001 - as multiprocessing does
    atexit._run_exitfuncs()  # noqa: SLF001
    if not isinstance(code, int | None):
        sys.stderr.write(f"{code}\n")
    number = code if isinstance(code, int) else int(code is not None)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError) as error:  # the disk behind it is full, or it is closed
            number = LOST_OUTPUT
            if isinstance(error, OSError) and error.errno in FULL and stream is sys.stdout:
                sys.stderr.write(f"filterfleet: {lost_output(error)}\n")
    os._exit(number)
