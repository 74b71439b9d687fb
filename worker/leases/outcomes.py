"""The outcomes of a worker's leases on their way to the broker."""

from __future__ import annotations

import collections

from filterfleet.common import wire
from filterfleet.worker.leases.settings import RESEND


class Outcomes:
    """Those of one moment travel together. Each is sent again every RESEND seconds until it is acknowledged."""

    def __init__(self) -> None:
        self._new: dict[bytes, wire.Message] = {}  # by lease, to be sent
        # With the instant at which it is sent again, which comes in the same order.
        self._sent: collections.OrderedDict[bytes, tuple[float, wire.Message]] = collections.OrderedDict()

    @property
    def due(self) -> float:
        """When to send something."""
        if self._new:
            return float("-inf")
        return next(iter(self._sent.values()))[0] if self._sent else float("inf")

    def add(self, lease: bytes, outcome: wire.Message) -> None:
        self._sent.pop(lease, None)
        self._new[lease] = outcome

    def forget(self, lease: bytes) -> None:
        """It has been acknowledged, or is worth nothing."""
        if self._sent.pop(lease, None) is None:
            self._new.pop(lease, None)

    def take(self, now: float) -> list[wire.Message]:
        """Those that are to be sent now."""
        while self._sent and (item := next(iter(self._sent.items())))[1][0] <= now:
            self._new[item[0]] = self._sent.pop(item[0])[1]
        new, self._new = self._new, {}
        again = now + RESEND
        for lease, outcome in new.items():
            self._sent[lease] = again, outcome
        return list(new.values())
