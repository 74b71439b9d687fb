"""CURVE at the connecting end: the keys that a socket shows, and why a broker does not let it in.

libzmq itself says nothing about a connection that fails in its handshake; only a socket's monitor reports it.
"""

from __future__ import annotations

import secrets
import select
import struct

import zmq

from filterfleet.common.errors import FleetError
from filterfleet.common.keys.folders import PeerKeys
from filterfleet.common.sockets import can_read
from filterfleet.common.text import printable

FAILED = zmq.EVENT_HANDSHAKE_FAILED_AUTH | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
MISMATCH = zmq.PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH  # only one end has keys

# How many connections may simply end in their handshake before that counts as a refusal. A broker that is killed at
# that moment causes one. With more, a user waits longer for the reason; with fewer, such an accident is reported as
# one.
ACCIDENTS = 2

REACHED = zmq.EVENT_CONNECTED | zmq.EVENT_CLOSED  # of TCP


def show_keys(socket: zmq.Socket[bytes], keys: PeerKeys | None) -> None:
    """Have the socket connect with these keys and only to their broker, or without keys when they are None."""
    if keys is None:
        return
    if not zmq.has("curve"):
        raise FleetError("This libzmq was built without CURVE: install pyzmq from its wheel to use --keys.")
    socket.curve_publickey = keys.own.public
    socket.curve_secretkey = keys.own.secret
    socket.curve_serverkey = keys.broker


_EVENT = struct.Struct("=HI")  # kind and value, as zmq_socket_monitor(3) has them


class Monitor:
    """What happens to the connections of one socket, by default the handshakes that fail. Close it first."""

    def __init__(self, socket: zmq.Socket[bytes], events: int = FAILED) -> None:
        self._watched = socket
        address = f"inproc://monitor-{secrets.token_hex(8)}"
        socket.monitor(address, events)
        self._events: zmq.Socket[bytes] = socket.context.socket(zmq.PAIR)
        self._events.rcvhwm = 0  # with a limit, libzmq's I/O thread would wait for room here, and all sockets with it
        self._events.connect(address)
        self._signal = select.poll()  # libzmq makes this descriptor readable when something comes to an empty socket
        self._signal.register(self._events.fileno(), select.POLLIN)
        self._unread = can_read(self._events)  # what comes from now on gives the signal, and this has given none

    def fileno(self) -> int:
        """For a poller that waits for events."""
        return self._events.fileno()

    def take(self) -> list[tuple[int, int]]:
        """Kind and value of each event since the last call, as in zmq_socket_monitor(3)."""
        found: list[tuple[int, int]] = []
        if not self.has_news():
            return found
        while can_read(self._events):
            event, _endpoint = self._events.recv_multipart(zmq.DONTWAIT)
            if (kind_and_value := _EVENT.unpack(event))[0] != zmq.EVENT_MONITOR_STOPPED:
                found.append(kind_and_value)
        self._unread = False
        return found

    def has_news(self) -> bool:
        """Whether there may have been an event since the last call of take(). This is cheaper than the rest of
        take()."""
        return self._unread or bool(self._signal.poll(0))

    def close(self) -> None:
        self._watched.disable_monitor()
        self._events.close(linger=0)


class Entrance:
    """Knows whether one connecting socket is let in. reached: TCP has connected it at least once. turned_down: a try to
    connect it has failed, because nothing listens there or the host cannot be reached."""

    def __init__(self, socket: zmq.Socket[bytes], address: str, keys: PeerKeys | None) -> None:
        self._monitor = Monitor(socket, FAILED | REACHED)
        self._address = address
        self._keys = keys
        self._failures = 0
        self._told = False
        self.reached = self.turned_down = False

    def refusal(self) -> str | None:
        """Why the socket is not let in. The sentence comes once."""
        for kind, value in self._monitor.take():
            if kind & REACHED:
                self.reached |= kind == zmq.EVENT_CONNECTED
                self.turned_down |= kind == zmq.EVENT_CLOSED  # a connection that ends is DISCONNECTED instead
                continue
            self._failures += 1
            certain = kind != zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL or self._failures > ACCIDENTS
            if certain and not self._told:
                self._told = True
                return explain(self._address, self._keys, kind, value)
        return None

    def close(self) -> None:
        self._monitor.close()


def explain(address: str, keys: PeerKeys | None, kind: int, value: int) -> str:
    """What a failed handshake means, and what to do about it, in a sentence."""
    if keys is None:
        if value == MISMATCH:
            return f"The broker at {address} lets nobody in without a key: name the folder of your keys with --keys."
        return (
            f"The program that listens at {address} ends each connection at once: if it is a broker that has keys, "
            "name the folder of your keys with --keys; if not, check --broker and the port."
        )
    if kind == zmq.EVENT_HANDSHAKE_FAILED_AUTH:  # so this is the broker whose broker.key we have
        return (
            f"The broker at {address} does not let the key {printable(str(keys.file))} in: it has to be "
            f"listed among its {keys.role.list_name}, and the broker sees by itself when it is."
        )
    return (
        f"The program that listens at {address} is not the broker whose key is in {printable(str(keys.file.parent))}: "
        "check --broker and the port, and that the broker runs with its keys; if these are new, get its new broker.key."
    )
