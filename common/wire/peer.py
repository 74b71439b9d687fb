"""The socket of a peer of the broker: the same for a worker, a client and a benchmark."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TypeVar

import zmq

from filterfleet.common.address import first_address, host_in
from filterfleet.common.errors import ProtocolError
from filterfleet.common.keys.folders import PeerKeys
from filterfleet.common.keys.handshakes import Entrance, show_keys
from filterfleet.common.logs import get_logger
from filterfleet.common.payload import Payload
from filterfleet.common.ratelimit import RateLimit
from filterfleet.common.wire import frames
from filterfleet.common.wire.batches import multiparts
from filterfleet.common.wire.majors import foreign
from filterfleet.common.wire.messages import FRAME_LIMIT, INLINE_LIMIT, Message
from filterfleet.common.wire.unsent import Unsent
from filterfleet.common.wire.versions import Versions

# Bytes that may be on their way out of this process before another part of a blob is read. A larger value fills a
# longer line; a smaller one costs less memory when the broker does not read.
UNSENT = 16 << 20

# Seconds until a peer looks again whether so much has left that it may read the next part. A larger value leaves a fast
# line idle; a smaller one costs processor time while a slow line is full.
LOOK = 0.005

# Messages that libzmq keeps for the peer; the broker's connection waits beyond that. A larger value takes longer
# bursts; a smaller one limits what a hostile broker can fill the memory with.
RECEIVE_QUEUE = 64

# Messages that receive() takes at once. A larger value costs less for each; with a smaller one, what they ask for is
# done sooner.
AT_ONCE = 512

QUIET = 30.0  # seconds between two log lines about malformed messages
FIRST_RETRY, LAST_RETRY = 100, 1000  # milliseconds between libzmq's own attempts to connect; they double in between

Action = TypeVar("Action")


class PeerSocket:
    """A DEALER that is connected to one broker at a time, under a new routing id each time.

    It queues without limit, because its user limits what is on its way; has_room tells whether parts of blobs may
    follow. Messages that are put() travel together at the next flush(). A subclass that overrides put() or send() sees
    everything that leaves.

    largest_frame is in bytes; a broker that sends a larger frame loses the connection. role names the user in the log.
    context is shared, or None for one that close() ends. The defaults are those of a client.
    """

    def __init__(
        self,
        keys: PeerKeys | None = None,
        largest_frame: int = FRAME_LIMIT,
        role: str = "client",
        context: zmq.Context[zmq.Socket[bytes]] | None = None,
    ) -> None:
        self._keys = keys
        self._largest_frame = largest_frame
        self._log = get_logger(role)
        self._context = zmq.Context() if context is None else context
        self._owns_context = context is None
        self._socket: zmq.Socket[bytes] | None = None
        self._entrance: Entrance | None = None
        self._versions = Versions(role)
        self._ipv6: dict[str, bool] = {}  # by host
        self._waiting: list[Message] = []
        self._unsent = Unsent()
        self._lines = RateLimit(1, QUIET)

    @property
    def pollable(self) -> zmq.Socket[bytes]:
        """For a poller that waits for messages. It is another one after each open()."""
        assert self._socket is not None, "open() comes first"
        return self._socket

    def open(self, identity: bytes, address: str) -> None:
        """Connect a new socket under this routing id. Whatever waited for the old one is dropped with its session."""
        self._waiting.clear()
        self._unsent = Unsent()
        self._close_socket(0.0)
        socket = self._socket = self._context.socket(zmq.DEALER)
        socket.routing_id = identity
        socket.sndhwm = 0
        socket.rcvhwm = RECEIVE_QUEUE
        socket.reconnect_ivl = FIRST_RETRY
        socket.reconnect_ivl_max = LAST_RETRY
        socket.maxmsgsize = self._largest_frame
        socket.ipv6 = self._is_ipv6(host_in(address))
        show_keys(socket, self._keys)
        self._entrance = Entrance(socket, address, self._keys)
        self._versions.opened(address)
        try:
            socket.connect(address)
        except zmq.ZMQError as error:
            self._log.error("cannot connect", broker=address, error=error.strerror)

    def _is_ipv6(self, host: str) -> bool:
        """Without ZMQ_IPV6, libzmq looks for IPv4 alone; with it, for IPv6 first, where a broker may not listen.

        A name is looked up until it has been found once: name servers that are away later hold nobody up.
        """
        if host not in self._ipv6 and (address := first_address(host)) is not None:
            self._ipv6[host] = ":" in address
        return self._ipv6.get(host, False)

    def refusal(self) -> str | None:
        """Why the broker does not let this socket in, or does not understand it. The sentence comes once for each
        socket."""
        return self._versions.refusal() or (None if self._entrance is None else self._entrance.refusal())

    @property
    def reached(self) -> bool:
        """Whether TCP has connected this socket, as of the last refusal()."""
        return self._entrance is not None and self._entrance.reached

    @property
    def turned_down(self) -> bool:
        """Whether a try to connect this socket has failed, as of the last refusal()."""
        return self._entrance is not None and self._entrance.turned_down

    @property
    def has_room(self) -> bool:
        """Whether the broker reads fast enough for another part of a blob."""
        return self._unsent.size < UNSENT

    def receive(self, hear: Callable[[list[Payload]], list[Action]]) -> list[Action]:
        """Give the messages that have arrived, AT_ONCE at most, to hear(), and return what that returns, joined.

        A message that hear() refuses with ProtocolError is dropped, and logged now and then. One of another major
        version is a reason for refusal().
        """
        actions: list[Action] = []
        for _ in range(AT_ONCE):
            try:
                if (message := frames.receive(self.pollable)) is None:
                    return actions
                if (major := foreign(message)) is None:
                    actions += hear(message)
                else:
                    self._versions.met(major)
            except ProtocolError as error:
                if total := self._lines.admit("malformed", time.monotonic()):
                    self._log.warning("the broker sent a malformed message", error=str(error), total=total)
        return actions

    def put(self, message: Message) -> None:
        """Send it at the next flush()."""
        self._waiting.append(message)

    def put_frames(self, message: Sequence[Payload]) -> None:
        """Send a message of the RFC behind those that wait."""
        self.flush()
        self.send(message)

    def flush(self) -> None:
        """Send everything that waits, in as few multipart messages as its receiver accepts."""
        waiting, self._waiting = self._waiting, []
        for message in multiparts(waiting, INLINE_LIMIT):
            self.send(message)

    def send(self, message: Sequence[Payload]) -> None:
        """One multipart message. It is dropped when libzmq does not take it: the cores repeat what matters."""
        try:
            frames.send(self.pollable, self._unsent.lent(message))
        except zmq.ZMQError as error:
            self._log.warning("message dropped", error=error.strerror)

    def close(self, linger: float = 0.0) -> None:
        """End; up to linger seconds are left for what has been sent and is still here."""
        self._close_socket(linger)
        if self._owns_context:
            self._context.term()

    def _close_socket(self, linger: float) -> None:
        if self._entrance is not None:
            self._entrance.close()
            self._entrance = None
        if self._socket is not None:
            self._socket.close(linger=round(1000 * linger))
            self._socket = None
