"""Frames to messages and back. Every frame is hostile until parse() has returned."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
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

_PAYLOAD = (m.Task, m.Submit, m.Result, m.Data, m.Submits, m.Tasks, m.Results)
_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(Annotated[list[m.Message], Meta(min_length=1, max_length=MESSAGES_LIMIT)]).decode


def encode(messages: Iterable[m.Message]) -> list[m.Payload]:
    """One multipart message (without routing id) that carries all the messages, in order."""
    header = []
    payload: list[m.Payload] = []
    for message in messages:
        header.append(_item(message))
        if isinstance(message, _PAYLOAD):
            payload += cast("tuple[m.Payload, ...]", message.payload)
    return [b"", m.PPX, _pack(header), *payload]


def map_size(message: m.Message) -> int:
    """Bytes that a message takes in the map frame."""
    return len(_pack(_item(message)))


def _item(message: m.Message) -> m.Message:
    """The message as it stands in the map, with the number of its frames."""
    return replace(message, payload=len(message.payload)) if isinstance(message, _PAYLOAD) else message


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
            _complete(message, payload)
    except (ValueError, RecursionError) as error:  # msgspec's own errors are ValueErrors
        raise ProtocolError(f"the map frame is not what it should be: {error}") from None
    if next(payload, None) is not None:
        raise ProtocolError("payload frames are left over")
    return found


def _complete(message: m.Message, payload: Iterator[m.Payload]) -> None:
    """Put everything into its final form, and check what the types of the fields do not tell."""
    if isinstance(message, _PAYLOAD):
        force_setattr(message, "payload", _take(message.payload or 0, payload))
        _check_payload(message)
    match message:
        case m.Result():
            force_setattr(message, "report", plain_map(_raw(message), REPORT_LIMIT))
        case m.Results():
            _check_different(message.ids)
            force_setattr(message, "report", plain_columns(_raw(message), len(message.ids), COLUMNS_LIMIT))
        case m.Submits() | m.Accepteds() | m.Tasks() | m.ResultOks():
            _check_different(message.ids)
        case m.Status():
            force_setattr(message, "report", plain_map(_raw(message), HEADER_LIMIT))
        case m.Credit():
            force_setattr(message, "host", one_line(message.host, 255))
            force_setattr(message, "version", one_line(message.version, 64))
        case m.Failed():
            force_setattr(message, "reason", one_line(message.reason))
            force_setattr(message, "worker", one_line(message.worker, 255))


def _raw(message: m.Status | m.Result | m.Results) -> msgspec.Raw:
    return cast("msgspec.Raw", message.report)


def _take(count: Any, payload: Iterator[m.Payload]) -> tuple[m.Payload, ...]:
    if not 0 <= count <= FRAMES_LIMIT:
        raise ProtocolError(f"the number of payload frames is not from 0 to {FRAMES_LIMIT}")
    taken = tuple(islice(payload, count))
    if len(taken) != count:
        raise ProtocolError("payload frames are missing")
    return taken


def _check_different(ids: tuple[bytes, ...]) -> None:
    if len(set(ids)) < len(ids):
        raise ProtocolError("an id comes twice")


def _check_payload(message: m.Message) -> None:
    """Check that the payload is as large as its message says, so that nobody downstream has to look again."""
    match message:
        case m.Submit() | m.Task(opaque=False):
            whole = not message.payload or [len(p) for p in message.payload] == [message.size]
        case m.Result() if len({o.name for o in message.outputs}) < len(message.outputs):
            raise ProtocolError("two outputs have one name")
        case m.Result() if message.left and message.payload:
            raise ProtocolError("outputs that lie in a share do not travel as well")
        case m.Result():
            whole = not message.payload or [len(p) for p in message.payload] == [o.size for o in message.outputs]
        case m.Data():
            whole = len(message.payload) == 1
        case m.Submits() | m.Tasks():
            whole = len(message.sizes) == len(message.ids) and _is_joined(message)
        case m.Results() if len({column.name for column in message.outputs}) < len(message.outputs):
            raise ProtocolError("two outputs have one name")
        case m.Results():
            whole = len(message.sizes) == len(message.ids) * len(message.outputs) and _is_joined(message)
        case _:
            whole = True
    if not whole:
        raise ProtocolError("the payload is not of the announced size")


def _is_joined(message: m.Submits | m.Tasks | m.Results) -> bool:
    """Whether the payload is one frame of all sizes together, or none when they are 0."""
    return [len(frame) for frame in message.payload] == [size for size in (sum(message.sizes),) if size]
