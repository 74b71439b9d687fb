"""Several messages in one multipart message: the cost of a hop is per message, not per task."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from common.protocol import Message

MESSAGES_LIMIT = 256  # in one multipart message


def batches(messages: Iterable[Message], limit: int) -> Iterator[list[Message]]:
    """Cut messages, in order, into lists with at most limit bytes of payload each (one message always fits)."""
    batch: list[Message] = []
    weight = 0
    for message in messages:
        size = sum(len(frame) for frame in getattr(message, "payload", ()))
        if batch and (weight + size > limit or len(batch) == MESSAGES_LIMIT):
            yield batch
            batch, weight = [], 0
        batch.append(message)
        weight += size
    if batch:
        yield batch
