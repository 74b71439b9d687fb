"""How fast the handshakes of one key are answered. Pure state."""

from __future__ import annotations


class Pace:
    """A bucket of `burst` tokens for each name, filled with `rate` tokens a second. Names are kept for good, so there
    must be few of them."""

    def __init__(self, rate: float, burst: int) -> None:
        self._rate = rate
        self._burst = burst
        self._buckets: dict[str, tuple[float, float]] = {}  # tokens, and when they were counted

    def admits(self, name: str, now: float) -> bool:
        """Take a token out, if there is one."""
        tokens, then = self._buckets.get(name, (float(self._burst), now))
        tokens = min(self._burst, tokens + self._rate * (now - then))
        admitted = tokens >= 1
        self._buckets[name] = tokens - admitted, now
        return admitted
