"""Peers that ask for more than they need, and results that nobody expects."""

from __future__ import annotations

from msgspec.structs import replace

from filterfleet.broker.settings import Settings
from filterfleet.common.wire import Column, Get, Message, OutputFile, Result, Results, parse
from filterfleet.common.wire.messages import BLOB_LIMIT, INLINE_LIMIT
from filterfleet.worker.done import Done
from tests.simulation.router import Frames

GREED = 40  # requests in place of one
LARGE_LIE = Done(
    (OutputFile("../out", "jpeg", BLOB_LIMIT), OutputFile("more", "jpeg", BLOB_LIMIT)), (bytes(300), bytes(300)), {}
)
SMALL_LIE = Done((OutputFile("../out", "jpeg", 3),), (b"lie",), {})  # goes in columns, though it is alone


def greedily(messages: list[Message], *, columns: bool) -> list[Message]:
    """The same, with many requests for each, which ask for as much as a message can; and small lies in columns
    if everybody knows those."""
    more = [
        replace(get, offset=get.offset + number, length=INLINE_LIMIT)
        for get in messages
        if isinstance(get, Get)
        for number in range(1, GREED)
    ]
    return [*(map(_in_columns, messages) if columns else messages), *more]


def _in_columns(message: Message) -> Message:
    if not isinstance(message, Result) or message.outputs != SMALL_LIE.outputs:
        return message
    return Results((message.id,), (Column("../out", "jpeg"),), (3,), {}, (b"lie",))


def most_requests(frames: Frames) -> int:
    """The requests for parts of one blob in a message of a broker."""
    found = parse(frames, extended=True)
    ids = [message.id for message in found if isinstance(message, Get)] if isinstance(found, list) else []
    return max(map(ids.count, ids), default=0)


def allowed(settings: Settings) -> int:
    """Requests that may come at once: two workers may race for one task."""
    return 2 * settings.parts_of_lease
