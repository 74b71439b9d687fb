"""Frames to messages and back. Every frame is hostile until parse() has returned."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Annotated, Any, cast

import msgspec
from msgspec import Meta
from msgspec.structs import force_setattr, replace

from filterfleet.common.errors import ProtocolError
from filterfleet.common.text import one_line
from filterfleet.common.wire import messages as m
from filterfleet.common.wire.fields import RECIPE_LIMIT as RECIPE_LIMIT
from filterfleet.common.wire.fields import SHORTEST_INTERVAL as SHORTEST_INTERVAL
from filterfleet.common.wire.plain import plain_columns, plain_map

HEADER_LIMIT = 1 << 20  # bytes of the map frame
MESSAGES_LIMIT = 256  # maps in the map frame
FRAMES_LIMIT = 4096  # frames of one multipart message
REPORT_LIMIT = 4096  # values, characters and bytes in the report of a result
COLUMNS_LIMIT = 64 << 10  # the same in the columns of all reports of RESULTS

_PAYLOAD = frozenset({m.Task, m.Submit, m.Result, m.Data, m.Submits, m.Tasks, m.Results})
_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(Annotated[list[m.Message], Meta(min_length=1, max_length=MESSAGES_LIMIT)]).decode


def encode(messages: Iterable[m.Message]) -> list[m.Payload]:
    """One multipart message (without routing id) that carries all the messages, in order."""
    header = []
    payload: list[m.Payload] = []
    for message in messages:
        header.append(_item(message))
        if type(message) in _PAYLOAD:
            payload += _payload(message)
    return [b"", m.PPX, _pack(header), *payload]


def assemble(messages: Iterable[m.Message], maps: Iterable[bytes]) -> list[m.Payload]:
    """The same, of messages whose maps have been packed."""
    payload = [frame for message in messages if type(message) in _PAYLOAD for frame in _payload(message)]
    return [b"", m.PPX, _pack(list(map(msgspec.Raw, maps))), *payload]


def pack(message: m.Message) -> bytes:
    """The map of one message."""
    return _pack(_item(message))


def _item(message: m.Message) -> m.Message:
    """The message as it stands in the map, with the number of its frames."""
    return replace(message, payload=len(_payload(message))) if type(message) in _PAYLOAD else message


def _payload(message: m.Message) -> tuple[m.Payload, ...]:
    """The frames of a message that has some."""
    return cast("tuple[m.Payload, ...]", message.payload)  # type: ignore[union-attr]


def parse(frames: Sequence[m.Payload], *, extended: bool) -> m.Ready | m.Heartbeat | m.Envelope | list[m.Message]:
    """What a peer said, from its frames without the routing id. Raises ProtocolError and nothing else.

    extended tells whether the peer's routing id has the tag. Only then does a PPX frame mark the extension; from any
    other peer it is the body of a request.
    """
    if not 1 <= len(frames) <= FRAMES_LIMIT:
        raise ProtocolError(f"a message has 1 to {FRAMES_LIMIT} frames")
    if len(frames) == 1:
        return _command(frames[0])
    if extended and len(frames[0]) == 0 and frames[1] == m.PPX:
        return _messages(frames[2:])
    for index, frame in enumerate(frames):
        if len(frame) == 0:
            if index == len(frames) - 1:
                raise ProtocolError("nothing follows the delimiter")
            if any(len(address) > 255 for address in frames[:index]):
                raise ProtocolError("an address is longer than a routing id can be")
            return m.Envelope(tuple(bytes(a) for a in frames[:index]), tuple(frames[index + 1 :]))
    raise ProtocolError("no delimiter between address and body")


def _command(frame: m.Payload) -> m.Ready | m.Heartbeat:
    if frame == m.READY:
        return m.Ready()
    if frame == m.HEARTBEAT:
        return m.Heartbeat()
    raise ProtocolError("a single frame is READY or HEARTBEAT")


def _messages(frames: Sequence[m.Payload]) -> list[m.Message]:
    if not frames or len(frames[0]) > HEADER_LIMIT:
        raise ProtocolError("the map frame is missing or too long")
    try:
        found: list[m.Message] = _unpack(frames[0])
        payload = iter(frames[1:])
        for message in found:
            if (complete := _COMPLETE.get(type(message))) is not None:
                complete(message, payload)
    except (ValueError, RecursionError) as error:  # msgspec's own errors are ValueErrors
        raise ProtocolError(f"the map frame is not what it should be: {error}") from None
    if next(payload, None) is not None:
        raise ProtocolError("payload frames are left over")
    return found


# --- what the types of the fields do not tell ----

# Each of these puts a message of its type into its final form, and checks that its payload is as large as it says, so
# that nobody downstream has to look again.


def _complete_image(message: m.Submit | m.Task, frames: Iterator[m.Payload]) -> None:
    payload = _take(message, frames)
    _check_size(not payload or (len(payload) == 1 and len(payload[0]) == message.size))


def _complete_task(message: m.Task, frames: Iterator[m.Payload]) -> None:
    if message.opaque:
        _take(message, frames)  # the frames of a body are as large as they are
    else:
        _complete_image(message, frames)


def _complete_images(message: m.Submits | m.Tasks, frames: Iterator[m.Payload]) -> None:
    payload = _take(message, frames)
    _check_size(len(message.sizes) == len(message.ids) and _is_joined(payload, message.sizes))
    _check_different(message.ids)


def _complete_result(message: m.Result, frames: Iterator[m.Payload]) -> None:
    payload, outputs = _take(message, frames), message.outputs
    if len(outputs) > 1 and len({output.name for output in outputs}) < len(outputs):
        raise ProtocolError("two outputs have one name")
    if message.left and payload:
        raise ProtocolError("outputs that lie in a share do not travel as well")
    _check_size(not payload or [len(frame) for frame in payload] == [output.size for output in outputs])
    _complete_report(message, REPORT_LIMIT)
    _complete_tries(message)


def _complete_tries(message: m.Result | m.Failed) -> None:
    if message.tries:
        lines = ((one_line(one.worker, 255), one_line(one.ending, 16), one_line(one.reason)) for one in message.tries)
        tries = [
            replace(one, worker=worker, ending=ending, reason=reason)
            for one, (worker, ending, reason) in zip(message.tries, lines, strict=True)
        ]
        force_setattr(message, "tries", tuple(tries))


def _complete_results(message: m.Results, frames: Iterator[m.Payload]) -> None:
    payload, outputs = _take(message, frames), message.outputs
    if len({column.name for column in outputs}) < len(outputs):
        raise ProtocolError("two outputs have one name")
    _check_size(len(message.sizes) == len(message.ids) * len(outputs) and _is_joined(payload, message.sizes))
    _check_different(message.ids)
    columns = plain_columns(cast("msgspec.Raw", message.report), len(message.ids), COLUMNS_LIMIT)
    force_setattr(message, "report", columns)


def _complete_report(message: m.Status | m.Result, limit: int = HEADER_LIMIT) -> None:
    force_setattr(message, "report", plain_map(cast("msgspec.Raw", message.report), limit))


def _complete_data(message: m.Data, frames: Iterator[m.Payload]) -> None:
    _check_size(len(_take(message, frames)) == 1)


def _complete_credit(message: m.Credit, _frames: Iterator[m.Payload]) -> None:
    force_setattr(message, "host", one_line(message.host, 255))
    force_setattr(message, "version", one_line(message.version, 64))


def _complete_failed(message: m.Failed, _frames: Iterator[m.Payload]) -> None:
    force_setattr(message, "reason", one_line(message.reason))
    force_setattr(message, "worker", one_line(message.worker, 255))
    _complete_tries(message)


_COMPLETE: dict[type, Callable[[Any, Iterator[m.Payload]], None]] = {
    m.Submits: _complete_images,
    m.Tasks: _complete_images,
    m.Results: _complete_results,
    m.Accepteds: lambda message, _frames: _check_different(message.ids),
    m.ResultOks: lambda message, _frames: _check_different(message.ids),
    m.Submit: _complete_image,
    m.Task: _complete_task,
    m.Result: _complete_result,
    m.Data: _complete_data,
    m.Status: lambda message, _frames: _complete_report(message),
    m.Credit: _complete_credit,
    m.Failed: _complete_failed,
}


def _take(message: m.Message, frames: Iterator[m.Payload]) -> tuple[m.Payload, ...]:
    """Give a message its frames, whose number stands in their place."""
    count = cast("int", message.payload or 0)  # type: ignore[union-attr]
    if not 0 <= count <= FRAMES_LIMIT:
        raise ProtocolError(f"the number of payload frames is not from 0 to {FRAMES_LIMIT}")
    taken = tuple(islice(frames, count))
    if len(taken) != count:
        raise ProtocolError("payload frames are missing")
    force_setattr(message, "payload", taken)
    return taken


def _check_size(whole: bool) -> None:
    if not whole:
        raise ProtocolError("the payload is not of the announced size")


def _check_different(ids: tuple[bytes, ...]) -> None:
    if len(set(ids)) < len(ids):
        raise ProtocolError("an id comes twice")


def _is_joined(payload: tuple[m.Payload, ...], sizes: tuple[int, ...]) -> bool:
    """Whether the payload is one frame of all sizes together, or none when they are 0."""
    whole = sum(sizes)
    return len(payload) == 1 and len(payload[0]) == whole if whole else not payload
