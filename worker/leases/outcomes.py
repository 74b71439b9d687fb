"""The outcomes of a worker's leases on their way to the broker."""

from __future__ import annotations

import collections
from collections.abc import Iterable

from filterfleet.common import wire
from filterfleet.common.payload import OpenFile
from filterfleet.worker.done import Done
from filterfleet.worker.leases.settings import RESEND
from filterfleet.worker.leases.state import Lease


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
        self._new[lease] = outcome

    def forget(self, leases: Iterable[bytes]) -> None:
        """Their outcomes have been acknowledged, or are worth nothing."""
        for lease in leases:
            if self._sent.pop(lease, None) is None:
                self._new.pop(lease, None)

    def take(self, now: float) -> list[wire.Message]:
        """Those that are to be sent now."""
        new, self._new = self._new, {}
        while self._sent:
            lease, (again, outcome) = next(iter(self._sent.items()))
            if again > now:
                break
            del self._sent[lease]
            new[lease] = outcome
        again = now + RESEND
        self._sent.update({lease: (again, outcome) for lease, outcome in new.items()})
        return list(new.values())


def result_of(held: Lease, done: Done, inline_limit: int) -> wire.Result:
    """The result of this lease, with its outputs, or without them when the broker has to pull them from the lease."""
    if done.left:
        return wire.Result(held.token, done.outputs, done.report, left=done.left)
    in_files = any(isinstance(blob, OpenFile) for blob in done.blobs)
    if not in_files and (held.opaque or sum(map(len, done.blobs)) <= inline_limit):
        return wire.Result(held.token, done.outputs, done.report, done.blobs)
    held.outputs = {output.name: blob for output, blob in zip(done.outputs, done.blobs, strict=True)}
    return wire.Result(held.token, done.outputs, done.report)
