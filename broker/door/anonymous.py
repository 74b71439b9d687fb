"""The routing ids that libzmq makes for anonymous peers: 00 and four bytes, a number that it counts up.

A peer may claim such an id for itself. When libzmq comes to a number that is taken, it aborts the process. So the door
knows where each socket begins to count, and how far it can have come. A number that is claimed lies outside of that
range, except by coincidence. The door learns of a claim when the peer speaks; libzmq tells nobody before that.
"""

from __future__ import annotations

import secrets

import zmq

_PATIENCE = 1000  # milliseconds for a message within the process


class Numbers:
    """The numbers of one socket. `first` is the one of the first anonymous peer."""

    def __init__(self, first: int) -> None:
        self._first = first
        self._given = 1  # at most

    def accepted(self) -> None:
        """There is one more connection. It may be anonymous."""
        self._given += 1

    def are_claimed_by(self, peer: bytes) -> bool:
        """Whether this routing id has a form that is libzmq's own, and did not come from libzmq."""
        if not peer.startswith(b"\0"):
            return False
        return len(peer) != 5 or (int.from_bytes(peer[1:], "big") - self._first) % (1 << 32) > self._given


def first_number(router: zmq.Socket[bytes]) -> int:
    """Which number this ROUTER gives to its first anonymous peer. That is a connection within the process, which ends
    at once; the socket must not have been bound or used before."""
    address = f"inproc://first-{secrets.token_hex(8)}"
    router.bind(address)
    with router.context.socket(zmq.DEALER) as peer:
        peer.linger = 0
        peer.connect(address)
        peer.send(b"")
        router.poll(_PATIENCE)
        identity, _ = router.recv_multipart(zmq.DONTWAIT)
    router.unbind(address)
    return int.from_bytes(identity[1:], "big")
