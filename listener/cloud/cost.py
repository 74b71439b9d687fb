"""What it costs to look at a remote again and again."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import NamedTuple

from filterfleet.listener.core.settings import SHARE

PAGE = 1000  # objects that stores tell of in one answer, at most: S3, B2, Drive and others
DAY = 86400.0  # seconds


class Cost(NamedTuple):
    """calls: requests to the store for one scan, at least. seconds: that one takes. every: seconds from one to the
    next. a_day: requests in a day."""

    calls: int
    seconds: float
    every: float
    a_day: int


def cost_of(paths: Iterable[str], files: int, *, paged: bool, took: float, interval: float) -> Cost:
    """paths: those of the images; files: how many files there are in all. paged: the store tells of everything below a
    prefix, a page at a time; else each folder is asked for. took: the seconds of a scan. interval: between scans, as
    the user has it."""
    pages = max(1, math.ceil(files / PAGE))
    folders = max(1, len({parent for path in paths for parent in PurePosixPath(path).parents}))
    calls = 1 + (pages if paged else max(folders, pages))  # one to see whether the folder is there
    every = took + max(interval, SHARE * took)
    return Cost(calls, took, every, round(calls * DAY / every))
