"""Peers that ask for more than they need, and results that nobody expects."""

from __future__ import annotations

from msgspec.structs import replace

from filterfleet.broker.settings import Settings
from filterfleet.common.wire import Get, Message, OutputFile, parse
from filterfleet.common.wire.messages import BLOB_LIMIT, INLINE_LIMIT
from filterfleet.worker.done import Done
from tests.simulation.router import Frames

GREED = 40  # requests in place of one
LIE = Done(
    (OutputFile("../out", "jpeg", BLOB_LIMIT), OutputFile("more", "jpeg", BLOB_LIMIT)), (bytes(300), bytes(300)), {}
)


def greedily(messages: list[Message]) -> list[Message]:
    """The same, with many requests for each, which ask for as much as a message can."""
    more = [
        replace(get, offset=get.offset + number, length=INLINE_LIMIT)
        for get in messages
        if isinstance(get, Get)
        for number in range(1, GREED)
    ]
    return [*messages, *more]


def most_requests(frames: Frames) -> int:
    """The requests for parts of one blob in a message of a broker."""
    found = parse(frames, extended=True)
    ids = [message.id for message in found if isinstance(message, Get)] if isinstance(found, list) else []
    return max(map(ids.count, ids), default=0)


def allowed(settings: Settings) -> int:
    """Requests that may come at once: two workers may race for one task."""
    return 2 * settings.parts_of_lease
