"""ZeroMQ RFC 27 (ZAP): libzmq asks in each handshake who may connect, and the allow-lists have the answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from zmq.utils import z85

from filterfleet.broker.actions import Side

ADDRESS = "inproc://zeromq.zap.01"
VERSION = b"1.0"
ALLOWED, DENIED, ERROR = b"200", b"400", b"500"

Names = Mapping[Side, Mapping[str, str]]  # side -> public key, as text -> name


@dataclass(frozen=True, slots=True)
class Ruling:
    """`reply` is for libzmq, the rest for the log. The user id in the reply is the key, so each message of the
    connection carries the key as its property User-Id."""

    reply: list[bytes]
    allowed: bool
    side: Side | None
    address: str
    key: str


def judge(request: Sequence[bytes], names: Names) -> Ruling:
    """Answer a ZAP request: version, request id, domain, address, identity, mechanism, credentials."""
    frames = [bytes(frame) for frame in request]
    number = frames[1] if len(frames) > 1 else b""
    if len(frames) != 7 or frames[0] != VERSION or frames[5] != b"CURVE" or len(frames[6]) != 32:
        return Ruling([VERSION, number, ERROR, b"CURVE keys only", b"", b""], False, None, "", "")
    key = z85.encode(frames[6]).decode()
    address = frames[3].decode("utf-8", "replace")
    side = next((side for side in names if side.value.encode() == frames[2]), None)
    allowed = side is not None and key in names[side]
    status, text, user = (ALLOWED, b"OK", key.encode()) if allowed else (DENIED, b"not listed", b"")
    return Ruling([VERSION, number, status, text, user, b""], allowed, side, address, key)
