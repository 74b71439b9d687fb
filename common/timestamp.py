"""Instants as text."""

from __future__ import annotations

import time


def timestamp(seconds: float) -> str:
    """An instant in seconds since the epoch as RFC 3339 has it, in UTC with milliseconds."""
    whole, milli = divmod(int(seconds * 1000), 1000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(whole))}.{milli:03}Z"
