"""ZeroMQ RFC 27 (ZAP): libzmq asks in each handshake who may connect, and the allow-lists have the answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from zmq.utils import z85

from filterfleet.broker.actions import Side

ADDRESS = "inproc://zeromq.zap.01"
VERSION = b"1.0"
ALLOWED, LATER, DENIED, ERROR = b"200", b"300", b"400", b"500"

Names = Mapping[Side, Mapping[str, str]]  # side -> public key, as text -> name


@dataclass(frozen=True, slots=True)
class Ruling:
    """The answer to a request. `reason` is for the log; it is empty when the peer may come in."""

    number: bytes
    status: bytes
    text: bytes
    reason: str
    side: Side | None = None
    address: str = ""
    key: str = ""

    @property
    def allowed(self) -> bool:
        return self.status == ALLOWED

    def reply(self, user: bytes) -> list[bytes]:
        """For libzmq. `user` becomes the property User-Id of each message on the connection."""
        return [VERSION, self.number, self.status, self.text, user if self.allowed else b"", b""]


def judge(request: Sequence[bytes], names: Names) -> Ruling:
    """Answer a ZAP request: version, request id, domain, address, identity, mechanism, credentials. The identity is the
    broker's own; libzmq does not tell which one the peer will have."""
    number = request[1] if len(request) > 1 else b""
    if len(request) != 7 or request[0] != VERSION or request[5] != b"CURVE" or len(request[6]) != 32:
        return Ruling(number, ERROR, b"CURVE keys only", "no CURVE key")
    key = z85.encode(request[6]).decode()
    address = request[3].decode("utf-8", "replace")
    side = next((side for side in names if side.value.encode() == request[2]), None)
    if side is None or key not in names[side]:
        return Ruling(number, DENIED, b"not listed", "its key is not listed", side, address, key)
    return Ruling(number, ALLOWED, b"OK", "", side, address, key)


def later(request: Sequence[bytes]) -> list[bytes]:
    """The reply to a request that judge() would allow, when there are too many: the connection is closed, and the peer
    may try again."""
    return [VERSION, request[1], LATER, b"try again", b"", b""]
