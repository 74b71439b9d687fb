"""Several messages in one multipart message: the cost of a hop is per message, not per task."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from filterfleet.common.payload import Payload
from filterfleet.common.wire.codec import FRAMES_LIMIT, HEADER_LIMIT, MESSAGES_LIMIT, assemble, encode, pack
from filterfleet.common.wire.messages import Message

FRAMES = FRAMES_LIMIT - 3  # of payload; delimiter, mark and map go before them
MAPS = HEADER_LIMIT - 3  # bytes; the list around the maps takes the rest when it has up to 65535 items


def batches(messages: Iterable[Message], limit: int) -> Iterator[list[Message]]:
    """Cut messages, in order, into lists that parse() accepts, with at most limit bytes of payload each.

    A single message that has more payload goes alone.
    """
    return (batch for batch, _ in _cut(list(messages), limit))


def multiparts(messages: Sequence[Message], limit: int) -> Iterator[list[Payload]]:
    """The same lists, each as one multipart message without routing id."""
    for batch, maps in _cut(messages, limit):
        yield assemble(batch, maps) if maps else encode(batch)


def _cut(messages: Sequence[Message], limit: int) -> Iterator[tuple[list[Message], list[bytes]]]:
    """Each list, and the maps of its messages if they had to be measured."""
    if len(messages) < 2:  # nothing to measure, which is the usual case
        yield from (([message], []) for message in messages)
        return
    batch: list[Message] = []
    maps: list[bytes] = []
    weight = frames = size = 0
    for message in messages:
        payload = getattr(message, "payload", ())
        weight += sum(len(frame) for frame in payload)
        frames += len(payload)
        size += len(packed := pack(message))
        if batch and (weight > limit or frames > FRAMES or size > MAPS or len(batch) == MESSAGES_LIMIT):
            yield batch, maps
            batch, maps = [], []
            weight, frames, size = sum(len(frame) for frame in payload), len(payload), len(packed)
        batch.append(message)
        maps.append(packed)
    yield batch, maps
