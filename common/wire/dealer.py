"""The socket of a peer of the broker."""

from __future__ import annotations

import zmq

from filterfleet.common.keys.folders import PeerKeys
from filterfleet.common.keys.handshakes import Entrance, show_keys
from filterfleet.common.logs import get_logger

log = get_logger("common")


def open_dealer(
    context: zmq.Context[zmq.Socket[bytes]], identity: bytes, address: str, keys: PeerKeys | None, largest_frame: int
) -> tuple[zmq.Socket[bytes], Entrance]:
    """A DEALER under this routing id, on its way to the broker at this address, and whether it is let in there. It
    queues without limit: what is on its way is bounded by who sends it. largest_frame is in bytes."""
    socket = context.socket(zmq.DEALER)
    socket.routing_id = identity
    socket.sndhwm = 0
    socket.reconnect_ivl = 100
    socket.reconnect_ivl_max = 1000
    socket.maxmsgsize = largest_frame
    socket.ipv6 = "[" in address
    show_keys(socket, keys)
    entrance = Entrance(socket, address, keys)
    try:
        socket.connect(address)
    except zmq.ZMQError as error:
        log.error("cannot connect", broker=address, error=error.strerror)
    return socket, entrance
