"""Multipart messages in and out of a socket, without waiting and with as little copying as possible."""

from __future__ import annotations

import math
from collections.abc import Sequence

import zmq

from common.protocol import Payload

COPY_BELOW = 1 << 16  # bytes; smaller frames are cheaper to copy than to keep alive


def receive(socket: zmq.Socket[bytes]) -> list[Payload] | None:
    """The next message that has arrived, or None. Big frames are views of libzmq's own memory."""
    try:
        frames = socket.recv_multipart(zmq.DONTWAIT, copy=False)
    except zmq.Again:
        return None
    return [_content(frame) for frame in frames]


def receive_from(socket: zmq.Socket[bytes]) -> tuple[str, list[Payload]] | None:
    """Likewise, with the user id that ZAP (RFC 27) has given the connection; "" if it was not asked."""
    try:
        frames = socket.recv_multipart(zmq.DONTWAIT, copy=False)
    except zmq.Again:
        return None
    try:
        user = str(frames[0].get("User-Id"))
    except zmq.ZMQError:
        user = ""
    return user, [_content(frame) for frame in frames]


def _content(frame: zmq.Frame) -> Payload:
    return frame.bytes if len(frame) < COPY_BELOW else frame.buffer


def send(socket: zmq.Socket[bytes], frames: Sequence[Payload]) -> None:
    """Queue a message, never waiting. Raises zmq.Again or zmq.ZMQError (EHOSTUNREACH from a ROUTER)."""
    socket.send_multipart(frames, zmq.DONTWAIT, copy=False)


def poll(poller: zmq.Poller, patience: float) -> bool:
    """Wait for something registered, at most so many seconds (negative: not at all). Whether it has come."""
    return bool(poller.poll(math.ceil(max(0.0, patience) * 1000)))
