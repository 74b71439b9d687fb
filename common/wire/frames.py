"""Multipart messages in and out of a socket, without waiting and with as little copying as possible."""

from __future__ import annotations

import math
from collections.abc import Sequence

import zmq

from filterfleet.common.errors import FloodError
from filterfleet.common.wire import Payload
from filterfleet.common.wire.codec import FRAMES_LIMIT

COPY_BELOW = 1 << 16  # bytes; smaller frames are cheaper to copy than to keep alive
MESSAGE_LIMIT = 512 << 20  # bytes of all frames of one message
FLOOD = 100_000  # frames of one message that are not worth the time to throw them away
_FRAMES = FRAMES_LIMIT + 1  # a routing id and the most that parse() takes


def receive(socket: zmq.Socket[bytes]) -> list[Payload] | None:
    """The next message that has arrived, or None. Big frames are views of libzmq's own memory.

    Of a message with more frames than any has, or of more than MESSAGE_LIMIT bytes, only the first frame is left.
    Raises FloodError after FLOOD frames of one message, which the next call goes on with: better to close the socket.
    """
    first = _next(socket)
    return None if first is None else _contents(socket, first)


def receive_from(socket: zmq.Socket[bytes]) -> tuple[str, list[Payload]] | None:
    """Likewise, with the user id that ZAP (RFC 27) has given the connection; "" if it was not asked."""
    first = _next(socket)
    if first is None:
        return None
    try:
        user = str(first.get("User-Id"))
    except zmq.ZMQError:
        user = ""
    return user, _contents(socket, first)


def _next(socket: zmq.Socket[bytes]) -> zmq.Frame | None:
    try:
        return socket.recv(zmq.DONTWAIT, copy=False)
    except zmq.Again:
        return None


def _contents(socket: zmq.Socket[bytes], frame: zmq.Frame) -> list[Payload]:
    """Of all frames of a message. The others are there with the first: libzmq shows all of a message, or nothing."""
    found = [_content(frame)]
    count, size = 1, len(frame)
    while frame.more:
        if count == FLOOD:
            raise FloodError(f"a message has more than {FLOOD} frames")
        frame = socket.recv(zmq.DONTWAIT, copy=False)
        count += 1
        size += len(frame)
        if count <= _FRAMES and size <= MESSAGE_LIMIT:
            found.append(_content(frame))
        else:
            del found[1:]
    return found


def _content(frame: zmq.Frame) -> Payload:
    return frame.bytes if len(frame) < COPY_BELOW else frame.buffer


def send(socket: zmq.Socket[bytes], frames: Sequence[Payload]) -> None:
    """Queue a message, never waiting. Raises zmq.Again or zmq.ZMQError (EHOSTUNREACH from a ROUTER)."""
    socket.send_multipart(frames, zmq.DONTWAIT, copy=False)


def poll(poller: zmq.Poller, patience: float) -> bool:
    """Wait for something registered, at most so many seconds (negative: not at all). Whether it has come."""
    return bool(poller.poll(math.ceil(max(0.0, patience) * 1000)))
