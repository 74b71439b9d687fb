"""Multipart messages into and out of a socket, without waiting and with as little copying as possible."""

from __future__ import annotations

import math
from collections.abc import Sequence

import zmq

from filterfleet.common.errors import FloodError
from filterfleet.common.sockets import can_read
from filterfleet.common.wire import Payload
from filterfleet.common.wire.codec import FRAMES_LIMIT

COPY_BELOW = 1 << 16  # bytes; smaller frames are cheaper to copy than to keep alive
MESSAGE_LIMIT = 512 << 20  # bytes of all frames of one message
FLOOD = 100_000  # frames of one message after which even throwing the others away takes too long
_MORE = zmq.DONTWAIT | zmq.SNDMORE
Ready = zmq.Socket[bytes] | int  # a socket or a file descriptor
_FRAMES = FRAMES_LIMIT + 1  # a routing id, and as many frames as parse() takes


def receive(socket: zmq.Socket[bytes]) -> list[Payload] | None:
    """The next message that has arrived, or None. Big frames are views of libzmq's own memory.

    Only the first frame is kept of a message with more frames than any peer may send, or with more than MESSAGE_LIMIT
    bytes. Raises FloodError after FLOOD frames of one message. The next call would read on in the same message, so the
    caller should rather close the socket.
    """
    first = _next(socket)
    return None if first is None else _contents(socket, first)


def receive_from(socket: zmq.Socket[bytes]) -> tuple[zmq.Frame, list[Payload]] | None:
    """As receive(), with the first frame as libzmq gave it: it knows the properties of the connection."""
    first = _next(socket)
    return None if first is None else (first, _contents(socket, first))


def _next(socket: zmq.Socket[bytes]) -> zmq.Frame | None:
    if not can_read(socket):
        return None
    try:
        return socket.recv(zmq.DONTWAIT, copy=False)
    except zmq.Again:
        return None


def _contents(socket: zmq.Socket[bytes], frame: zmq.Frame) -> list[Payload]:
    """All frames of a message. The others are there with the first: libzmq shows a message whole or not at all."""
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
    *front, last = frames
    for frame in front:
        socket.send(frame, _MORE, copy=len(frame) < COPY_BELOW)
    socket.send(last, zmq.DONTWAIT, copy=len(last) < COPY_BELOW)


def poll(poller: zmq.Poller, patience: float) -> list[Ready]:
    """Wait at most patience seconds for something registered, and return what can be read. A negative patience does not
    wait."""
    return [ready for ready, _ in poller.poll(math.ceil(max(0.0, patience) * 1000))]
