"""Frames to messages and back. Every frame is hostile until parse() has returned."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgpack

from filterfleet.common.errors import ProtocolError
from filterfleet.common.wire import fields as f
from filterfleet.common.wire import messages as m

HEADER_LIMIT = 1 << 20  # bytes of the map frame
MESSAGES_LIMIT = 256  # maps in the map frame
FRAMES_LIMIT = 4096  # frames of one multipart message
CONTAINERS_LIMIT = 20_000  # lists and maps in the map frame; creating many small ones takes long
RECIPE_LIMIT = 64 << 10  # bytes
OUTPUTS_LIMIT = 64  # of one result
REPORT_LIMIT = 4096  # values, characters and bytes in the report of a result
SHORTEST_INTERVAL = 0.1  # seconds between heartbeats

_id = f.octets(64, minimum=1)
_session = f.octets(32)
_size = f.integer(0, m.BLOB_LIMIT)
_name = f.text(64)
_names = f.sequence(_name, m.NAMES_LIMIT)
_recipe = f.octets(RECIPE_LIMIT)


def _output(value: Any) -> m.OutputFile:
    if not isinstance(value, list) or len(value) != 3:
        raise ProtocolError("expected [name, format, size]")
    return m.OutputFile(_name(value[0]), f.text(16)(value[1]), _size(value[2]))


_FIELDS: dict[type[m.Message], dict[str, f.Check]] = {
    m.Hello: {
        "life": _id,
        "session": _id,
        "interval": f.seconds(3600, minimum=SHORTEST_INTERVAL),
        "missed": f.integer(1, 100),
        "inline_limit": f.integer(0, m.BLOB_LIMIT),
    },
    m.Task: {
        "id": _id,
        "recipe": _recipe,
        "size": _size,
        "timeout": f.seconds(1e6),
        "opaque": f.boolean,
        "alone": f.boolean,
    },
    m.Accepted: {"id": _id},
    m.Busy: {"id": _id, "retry_after": f.seconds(3600)},
    m.Catalogue: {"filters": _names, "threads": f.integer(0, 1 << 32)},
    m.Status: {"report": f.plain_map(HEADER_LIMIT)},
    m.Credit: {
        "slots": f.integer(0, m.LEASES_LIMIT),
        "threads": f.integer(1, m.LEASES_LIMIT),
        "filters": _names,
        "host": f.words(255),
        "version": f.words(64),
    },
    m.Nack: {"id": _id},
    m.Drain: {},
    m.Submit: {
        "id": _id,
        "recipe": _recipe,
        "needs": _names,
        "priority": f.integer(0, 9),
        "size": _size,
    },
    m.StatusRequest: {},
    m.Result: {"id": _id, "outputs": f.sequence(_output, OUTPUTS_LIMIT), "report": f.plain_map(REPORT_LIMIT)},
    m.Failed: {"id": _id, "kind": f.one_of("permanent", "transient"), "reason": f.words(2000)},
    m.ResultOk: {"id": _id},
    m.Cancel: {"id": _id},
    m.Beat: {
        "session": _session,
        "leases": f.sequence(_id, m.LEASES_LIMIT),
        "waiting": f.sequence(_id, m.LEASES_LIMIT),
    },
    m.Get: {"id": _id, "blob": _name, "offset": _size, "length": f.integer(1, m.INLINE_LIMIT)},
    m.Data: {"id": _id, "blob": _name, "offset": _size},
}
_OPTIONAL: dict[type[m.Message], dict[str, f.Check]] = {  # fields that peers of earlier versions do not know
    m.Submit: {"outputs": f.sequence(_name, OUTPUTS_LIMIT), "largest": _size},
}
_TYPE_OF_NAME = {kind.NAME: kind for kind in _FIELDS}
_PAYLOAD: frozenset[type[m.Message]] = frozenset({m.Task, m.Submit, m.Result, m.Data})


def encode(messages: Iterable[m.Message]) -> list[m.Payload]:
    """One multipart message (without routing id) that carries all the messages, in order."""
    header = []
    payload: list[m.Payload] = []
    for message in messages:
        header.append(_item(message))
        if type(message) in _PAYLOAD:
            payload += message.payload  # type: ignore[union-attr, arg-type]
    return [b"", m.PPX, msgpack.packb(header), *payload]


def map_size(message: m.Message) -> int:
    """Bytes that a message takes in the map frame."""
    return len(msgpack.packb(_item(message)))


def _item(message: m.Message) -> dict[str, Any]:
    kind = type(message)
    item: dict[str, Any] = {"type": kind.NAME}
    for name in _FIELDS[kind]:
        item[name] = getattr(message, name)
    for name in _OPTIONAL.get(kind, ()):
        if (value := getattr(message, name)) != kind.__dataclass_fields__[name].default:
            item[name] = value
    if kind is m.Result:
        item["outputs"] = [[o.name, o.format, o.size] for o in item["outputs"]]
    if kind in _PAYLOAD and message.payload:  # type: ignore[union-attr]
        item["frames"] = len(message.payload)  # type: ignore[union-attr]
    return item


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
        header = _unpack(frames[0])
    except (ValueError, msgpack.UnpackException) as error:
        raise ProtocolError(f"the map frame is not msgpack: {error}") from None
    if not isinstance(header, list) or not header:
        raise ProtocolError("the map frame holds no list of messages")
    payload = iter(frames[1:])
    if len(header) > MESSAGES_LIMIT:
        raise ProtocolError(f"more than {MESSAGES_LIMIT} messages in one")
    found = [_message(item, payload) for item in header]
    if next(payload, None) is not None:
        raise ProtocolError("payload frames are left over")
    return found


def _unpack(frame: m.Payload) -> Any:
    containers = 0

    def counted(container: Any) -> Any:
        nonlocal containers
        containers += 1
        if containers > CONTAINERS_LIMIT:
            raise ProtocolError(f"more than {CONTAINERS_LIMIT} lists and maps in the map frame")
        return container

    return msgpack.unpackb(frame, max_ext_len=0, list_hook=counted, object_hook=counted)


def _message(item: Any, payload: Any) -> m.Message:
    if not isinstance(item, dict):
        raise ProtocolError("a message is not a map")
    name = item.get("type")
    kind = _TYPE_OF_NAME.get(name) if isinstance(name, str) else None
    if kind is None:
        raise ProtocolError("a message has no type, or one that is not known")
    values: dict[str, Any] = {}
    known = _FIELDS[kind] | {field: check for field, check in _OPTIONAL.get(kind, {}).items() if field in item}
    for field, check in known.items():
        try:
            values[field] = check(item[field])
        except KeyError:
            raise ProtocolError(f"{name} lacks {field!r}") from None
        except ProtocolError as error:
            raise ProtocolError(f"{name}, field {field!r}: {error}") from None
    if kind in _PAYLOAD:
        values["payload"] = _take(item.get("frames", 0), payload)
    message: m.Message = kind(**values)
    _check_payload(message)
    return message


def _take(count: Any, payload: Any) -> tuple[m.Payload, ...]:
    if type(count) is not int or not 0 <= count <= FRAMES_LIMIT:
        raise ProtocolError(f"the number of payload frames is not an integer from 0 to {FRAMES_LIMIT}")
    taken = tuple(frame for _, frame in zip(range(count), payload, strict=False))
    if len(taken) != count:
        raise ProtocolError("payload frames are missing")
    return taken


def _check_payload(message: m.Message) -> None:
    """Check that the payload is as large as its message says, so that nobody downstream has to look again."""
    match message:
        case m.Submit() | m.Task(opaque=False):
            whole = not message.payload or [len(p) for p in message.payload] == [message.size]
        case m.Result() if len({o.name for o in message.outputs}) < len(message.outputs):
            raise ProtocolError("two outputs have one name")
        case m.Result():
            whole = not message.payload or [len(p) for p in message.payload] == [o.size for o in message.outputs]
        case m.Data():
            whole = len(message.payload) == 1
        case _:
            whole = True
    if not whole:
        raise ProtocolError("the payload is not of the announced size")
