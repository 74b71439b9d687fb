"""Several messages in one multipart message: the cost of a hop is per message, not per task."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from filterfleet.common.wire.codec import FRAMES_LIMIT, HEADER_LIMIT, MESSAGES_LIMIT, map_size
from filterfleet.common.wire.messages import Message

FRAMES = FRAMES_LIMIT - 3  # of payload; delimiter, mark and map go before them
MAPS = HEADER_LIMIT - 3  # bytes; the list around the maps takes the rest when it has up to 65535 items


def batches(messages: Iterable[Message], limit: int) -> Iterator[list[Message]]:
    """Cut messages, in order, into lists that parse() accepts, with at most limit bytes of payload each.

    A single message that has more payload goes alone.
    """
    messages = list(messages)
    if len(messages) < 2:  # nothing to measure, which is the usual case
        yield from ([message] for message in messages)
        return
    batch: list[Message] = []
    weight = frames = maps = 0
    for message in messages:
        payload = getattr(message, "payload", ())
        weight += sum(len(frame) for frame in payload)
        frames += len(payload)
        maps += (size := map_size(message))
        if batch and (weight > limit or frames > FRAMES or maps > MAPS or len(batch) == MESSAGES_LIMIT):
            yield batch
            batch, weight, frames, maps = [], sum(len(frame) for frame in payload), len(payload), size
        batch.append(message)
    if batch:
        yield batch
