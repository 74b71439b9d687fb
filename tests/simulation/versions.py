"""Peers and brokers of the version before columns: they tell no minor version, and take none."""

from __future__ import annotations

import msgpack

from filterfleet.common.wire import PPX
from tests.simulation.invariants import InvariantError
from tests.simulation.router import Frames

COLUMNS = {"SUBMITS", "ACCEPTEDS", "TASKS", "RESULTS", "RESULTOKS"}


def as_before(frames: Frames, who: str) -> Frames:
    """The message as one of the earlier version says or hears it. Raises InvariantError if it could not."""
    if len(frames) < 3 or frames[1] != PPX:
        return frames
    header = msgpack.unpackb(frames[2])
    for item in header:
        item.pop("minor", None)
        if item["type"] in COLUMNS:
            raise InvariantError(f"{who} knows no columns, and is to say or hear {item['type']}")
    return [*frames[:2], msgpack.packb(header), *frames[3:]]
