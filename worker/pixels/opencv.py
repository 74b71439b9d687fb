"""OpenCV, set up for a worker. Import it from here and nowhere else, so that the settings come before the library:
`from filterfleet.worker.pixels.opencv import cv2`.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Iterator

from filterfleet.worker.settings import MAX_PIXELS

os.environ["OPENCV_IO_MAX_IMAGE_PIXELS"] = str(MAX_PIXELS)  # OpenCV reads it when it is loaded

import cv2

cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # users read our sentences, not a decoder's notes

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8  # malloc.h
_KEPT = 1 << 30  # bytes: allocations up to this size stay with the process when they are freed


def prepare_process() -> None:
    """Settings for a process that only works on images.

    OpenCV gets one thread, since the pool already has one per core. Large buffers stay with the process: glibc would
    map and unmap each of them, and the page faults take a fifth of the time of a 12-megapixel job. All threads share
    one arena: with an arena each, strips on two threads took a third more memory and no less time.
    """
    cv2.setNumThreads(1)
    with contextlib.suppress(OSError, AttributeError):  # other C libraries have no mallopt
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_MMAP_THRESHOLD, _KEPT)
        libc.mallopt(_M_TRIM_THRESHOLD, _KEPT)
        libc.mallopt(_M_ARENA_MAX, 1)


@contextlib.contextmanager
def without_ipp() -> Iterator[None]:
    """Lets OpenCV compute by itself in this thread, and not by Intel's IPP."""
    used = cv2.ipp.useIPP()
    cv2.ipp.setUseIPP(False)
    try:
        yield
    finally:
        cv2.ipp.setUseIPP(used)


def out_of_memory(error: cv2.error) -> bool:
    """Whether OpenCV failed because it could not allocate memory."""
    code = getattr(error, "code", None)  # an error that was raised in Python has none
    return code == cv2.Error.StsNoMem or "out of memory" in str(error)


__all__ = ["cv2", "out_of_memory", "prepare_process", "without_ipp"]
