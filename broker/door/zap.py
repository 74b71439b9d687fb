"""Who may connect, as ZeroMQ RFC 27 (ZAP) has it: libzmq asks in each handshake, the answer is in the allow-lists."""

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
class Verdict:
    """reply is what libzmq gets; the rest is for the log. The reply's user id is the key: each message of the
    connection carries it as its property User-Id."""

    reply: list[bytes]
    allowed: bool
    side: Side | None
    address: str
    key: str


def judge(request: Sequence[bytes], names: Names) -> Verdict:
    """The answer to a ZAP request: version, request id, domain, address, identity, mechanism, credentials."""
    frames = [bytes(frame) for frame in request]
    number = frames[1] if len(frames) > 1 else b""
    if len(frames) != 7 or frames[0] != VERSION or frames[5] != b"CURVE" or len(frames[6]) != 32:
        return Verdict([VERSION, number, ERROR, b"CURVE keys only", b"", b""], False, None, "", "")
    key = z85.encode(frames[6]).decode()
    address = frames[3].decode("utf-8", "replace")
    side = next((side for side in names if side.value.encode() == frames[2]), None)
    allowed = side is not None and key in names[side]
    status, text, user = (ALLOWED, b"OK", key.encode()) if allowed else (DENIED, b"not listed", b"")
    return Verdict([VERSION, number, status, text, user, b""], allowed, side, address, key)
