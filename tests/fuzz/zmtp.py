"""ZMTP 3.0 (RFC 23) by hand, for messages that no libzmq would send."""

from __future__ import annotations

import socket
import struct

GREETING = b"\xff" + bytes(8) + b"\x7f" + b"\x03\x00" + b"NULL".ljust(20, b"\0") + b"\0" + bytes(31)
MORE, LONG, COMMAND = 1, 2, 4


def frame(content: bytes, flags: int = 0) -> bytes:
    return header(len(content), flags) + content


def header(size: int, flags: int = 0) -> bytes:
    """The header of a frame of size bytes."""
    if size > 255:
        return struct.pack(">BQ", flags | LONG, size)
    return bytes((flags, size))


def ready(identity: bytes, kind: bytes = b"DEALER") -> bytes:
    properties = b"".join(
        bytes((len(name),)) + name + struct.pack(">I", len(value)) + value
        for name, value in ((b"Socket-Type", kind), (b"Identity", identity))
    )
    return frame(b"\x05READY" + properties, COMMAND)


def connect(port: int, patience: float = 5.0) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), patience)


def introduced(port: int, identity: bytes) -> socket.socket:
    """A connection whose handshake is done, as libzmq's own DEALER would have done it."""
    connection = connect(port)
    try:
        connection.sendall(GREETING + ready(identity))
        received = 0
        while received < len(GREETING) + 2:
            if not (said := connection.recv(4096)):
                raise ConnectionError("closed in the handshake")
            received += len(said)
    except OSError:
        connection.close()
        raise
    return connection


def message(frames: list[bytes]) -> bytes:
    """A multipart message."""
    *first, last = frames
    return b"".join(frame(content, MORE) for content in first) + frame(last)
