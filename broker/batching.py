"""Packs the core's actions into as few multipart messages as possible."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from filterfleet.broker.actions import Action, Note, SendFrames, Side
from filterfleet.common.wire import Message, Payload
from filterfleet.common.wire import batches as wire


def multiparts(actions: Iterable[Action], limit: int) -> Iterator[tuple[Side, bytes, list[Payload]] | Note]:
    """Turn actions into (side, routing id, frames). Each peer's messages stay in order; notes pass through.

    A multipart message that carries several messages has at most `limit` bytes of payload.
    """
    waiting: dict[tuple[Side, bytes], list[Message]] = {}
    for action in actions:
        if isinstance(action, Note):
            yield action
            continue
        key = (action.side, action.peer)
        if isinstance(action, SendFrames):
            for frames in wire.multiparts(waiting.pop(key, ()), limit):
                yield (*key, frames)
            yield (*key, list(action.frames))
        else:
            waiting.setdefault(key, []).append(action.message)
    for key, messages in waiting.items():
        for frames in wire.multiparts(messages, limit):
            yield (*key, frames)
