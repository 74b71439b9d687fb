"""Peers of a broker with keys: raw sockets that show any kind of credentials, and daemons with keys."""

from __future__ import annotations

import contextlib
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import zmq

from filterfleet.common.client.client import Client, require_broker
from filterfleet.common.jobs.recipe import DEFAULT
from filterfleet.common.keys.folders import Role, peer_keys
from filterfleet.common.keys.making import add_machine, make_broker_folder
from filterfleet.common.wire import HEARTBEAT, READY, TAG, Beat, Credit, StatusRequest, Submit, encode
from tests.integration.harness import COMMAND, LOOPBACK, Daemon, Fleet, Processes, wait_until

Show = Callable[[zmq.Socket[bytes]], None]  # gives a socket its credentials, before it connects
JOB = bytes(40)


class KeyedFleet(Fleet):
    """A fleet whose broker has keys, in a key folder of its own. Its client() is the listed client `local`."""

    def __init__(self, processes: Processes, folder: Path) -> None:
        super().__init__(processes)
        self.keys = folder
        make_broker_folder(folder)

    def start_broker(self, *options: object, program: tuple[str, ...] = (COMMAND,)) -> Daemon:
        ports = ("--frontend-port", self.frontend, "--backend-port", self.backend)
        broker = self.processes.start("broker", *ports, "--keys", self.keys, *options, program=program)
        wait_until(lambda: "broker started" in broker.said or not broker.alive, what="a broker")
        return broker

    @contextlib.contextmanager
    def client(self, host: str = LOOPBACK) -> Iterator[Client]:
        with Client(host, self.frontend, self.keys) as client:
            require_broker(client, host, self.frontend)
            yield client

    def machine(self, role: Role, name: str) -> Path:
        return add_machine(self.keys, role, name)

    def revoke(self, role: Role, name: str) -> None:
        (self.keys / role.list_name / f"{name}.key").unlink()

    def reload(self, broker: Daemon) -> None:
        """Sends SIGHUP, and returns when the broker has read both lists again."""
        before = broker.said.count("allow-list reloaded")
        broker.process.send_signal(signal.SIGHUP)
        wait_until(lambda: broker.said.count("allow-list reloaded") >= before + 2, what="both lists read again")


# --- credentials ----


def nothing(_socket: zmq.Socket[bytes]) -> None:
    """No credentials: the mechanism NULL."""


def a_password(socket: zmq.Socket[bytes]) -> None:
    """A password: the mechanism PLAIN."""
    socket.plain_username, socket.plain_password = b"admin", b"admin"


def keys_of(folder: Path, role: Role, broker: bytes | None = None) -> Show:
    """The keys in a folder, with the mechanism CURVE. `broker` replaces the broker's public key."""
    keys = peer_keys(folder, role)
    return curve(keys.own.public, keys.own.secret, broker or keys.broker)


def curve(public: bytes, secret: bytes, broker: bytes) -> Show:
    def show(socket: zmq.Socket[bytes]) -> None:
        socket.curve_publickey, socket.curve_secretkey, socket.curve_serverkey = public, secret, broker

    return show


# --- messages ----


@contextlib.contextmanager
def connected(port: int, show: Show, identity: bytes = b"", kind: int = zmq.DEALER) -> Iterator[zmq.Socket[bytes]]:
    with zmq.Context() as context, context.socket(kind) as peer:
        peer.linger = 0
        if identity:
            peer.routing_id = identity
        show(peer)
        peer.connect(f"tcp://{LOOPBACK}:{port}")
        yield peer


def client_says() -> list[list[bytes]]:
    """A client's greeting, question and work in PPX, and its work in RFC 6/PPP."""
    submit = Submit(JOB, DEFAULT.to_bytes(), (), 0, 5, (b"image",))
    return [encode([Beat(b"")]), encode([StatusRequest()]), encode([submit]), [b"", b"body"]]


def worker_says() -> list[list[bytes]]:
    return [[READY], encode([Credit(4, 4, ("grayscale",), "stranger", "1")]), [HEARTBEAT]]


def hears(peer: zmq.Socket[bytes], messages: list[list[bytes]], seconds: float) -> bool:
    """Sends the messages. Returns whether anything comes back within `seconds`."""
    for message in messages:
        with contextlib.suppress(zmq.Again):  # libzmq has given up the connection
            peer.send_multipart(message, zmq.DONTWAIT)
    return bool(peer.poll(int(seconds * 1000)))


def tagged(name: bytes) -> bytes:
    return TAG + name


# --- older versions of ZMTP, which know no security ----

SIGNATURE = b"\xff" + bytes(7) + b"\x01\x7f"
DEALER_TYPE = b"\x05"


def speaks_zmtp_2(port: int, seconds: float) -> bytes:
    """Says that it speaks ZMTP 2.0 (RFC 15), and asks for work. Returns all bytes that come back."""
    identity = tagged(b"old")
    greeting = SIGNATURE + b"\x01" + DEALER_TYPE + b"\x00" + bytes([len(identity)]) + identity
    return _exchange(port, greeting + b"\x00\x01" + READY, seconds)


def speaks_zmtp_1(port: int, seconds: float) -> bytes:
    """The same with ZMTP 1.0 (RFC 13): the identity, then messages."""
    identity = tagged(b"older")
    return _exchange(port, bytes([len(identity) + 1]) + b"\x00" + identity + b"\x02\x00" + READY, seconds)


def _exchange(port: int, text: bytes, seconds: float) -> bytes:
    got = b""
    deadline = time.monotonic() + seconds
    with socket.create_connection((LOOPBACK, port)) as peer, contextlib.suppress(OSError):
        peer.sendall(text)
        while (left := deadline - time.monotonic()) > 0:
            peer.settimeout(left)
            if not (more := peer.recv(4096)):
                break
            got += more
    return got
