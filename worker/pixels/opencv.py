"""OpenCV, set up for a worker before anything else imports it: `from filterfleet.worker.pixels.opencv import cv2`."""

from __future__ import annotations

import contextlib
import ctypes
import os

MAX_PIXELS = 512_000_000  # of an image that is decoded whole; OpenCV's own default of 2^30 lets a bomb take gigabytes

# OpenCV reads this when it is loaded.
os.environ["OPENCV_IO_MAX_IMAGE_PIXELS"] = str(MAX_PIXELS)

import cv2  # noqa: E402

cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # a user reads our sentence, not a decoder's notes

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8  # malloc.h


def prepare_process() -> None:
    """Settings of a process that does nothing but images.

    One OpenCV thread, since the pool already has one per core; and big buffers stay with the process:
    glibc would otherwise map and unmap each, and the page faults cost a fifth of a 12-megapixel job. All threads
    share what is kept: an arena each, with strips on two threads, took a third more memory and no less time.
    """
    cv2.setNumThreads(1)
    with contextlib.suppress(OSError, AttributeError):  # another C library manages its memory its own way
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_MMAP_THRESHOLD, 1 << 30)
        libc.mallopt(_M_TRIM_THRESHOLD, 1 << 30)
        libc.mallopt(_M_ARENA_MAX, 1)


__all__ = ["MAX_PIXELS", "cv2", "prepare_process"]
