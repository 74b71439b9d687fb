"""Attacks of strangers on a port that speaks ZMTP. Each attack is short; some leave connections behind."""

from __future__ import annotations

import contextlib
import itertools
import random
import secrets
import socket
from collections import Counter, deque
from collections.abc import Callable, Sequence

from filterfleet.common.wire.messages import FRAME_LIMIT, TAG
from tests.fuzz import zmtp
from tests.fuzz.corpus import corpus
from tests.fuzz.mutations import mutate
from tests.fuzz.scripts import unpack
from tests.integration.hostile_frames import hostile_messages

CROWD = 2000  # connections that are kept open
BURST = 100  # connections that one attack opens
ENDLESS = 32 << 20  # bytes of a message that never ends
FLOOD = 120_000  # frames of a message that does end


class Strangers:
    """Strangers know the ports and how to open a connection. `tried` counts the attacks of each kind."""

    def __init__(self, ports: Sequence[int], rng: random.Random, scripts: str = "broker") -> None:
        self.tried: Counter[str] = Counter()
        self._ports = ports
        self._rng = rng
        self._scripts = list(corpus(scripts))
        self._kept: deque[socket.socket] = deque()
        self._slow: deque[tuple[socket.socket, list[int]]] = deque()
        self._attacks: list[Callable[[], None]] = [
            self.half_a_greeting,
            self.garbage,
            self.huge_lengths,
            self.commands,
            self.wrong_sockets,
            self.hostile_frames,
            self.scripts,
            self.silence,
            self.slowness,
            self.strange_names,
        ]
        self._rare: list[Callable[[], None]] = [self.endless_message, self.many_frames]

    def turn(self) -> None:
        """Make one attack, and send another byte of each slow one."""
        attack = self._rng.choice(self._rare if self._rng.random() < 0.005 else self._attacks)
        self.tried[attack.__name__] += 1
        with contextlib.suppress(OSError):
            attack()
        for _ in range(min(20, len(self._slow))):
            connection, rest = self._slow.popleft()
            try:
                connection.send(bytes((rest.pop(0),)))
                self._slow.append((connection, rest))
            except (OSError, IndexError):
                connection.close()

    def close(self) -> None:
        for connection in (*self._kept, *(connection for connection, _ in self._slow)):
            connection.close()

    @property
    def _port(self) -> int:
        return self._rng.choice(self._ports)

    def _kept_open(self, connection: socket.socket) -> socket.socket:
        self._kept.append(connection)
        if len(self._kept) > CROWD:
            self._kept.popleft().close()
        return connection

    def _name(self) -> bytes:
        """A routing id. It does not depend on the seed, because two runs may meet at one broker."""
        return self._rng.choice((TAG, b"raw-")) + secrets.token_bytes(12)

    # --- before the handshake ----

    def half_a_greeting(self) -> None:
        connection = self._kept_open(zmtp.connect(self._port))
        connection.sendall(zmtp.GREETING[: self._rng.randrange(len(zmtp.GREETING))])

    def garbage(self) -> None:
        with zmtp.connect(self._port) as connection:
            begun = zmtp.GREETING if self._rng.random() < 0.5 else b""
            connection.sendall(begun + self._rng.randbytes(self._rng.choice((1, 10, 100, 10_000))))

    def silence(self) -> None:
        """Many connections that say nothing."""
        for _ in range(BURST):
            self._kept_open(zmtp.connect(self._port))

    def slowness(self) -> None:
        """The beginning of something sensible, byte by byte."""
        said = zmtp.GREETING + zmtp.ready(self._name()) + zmtp.message([b"", b"PPX1", b"\x90"])
        self._slow.append((zmtp.connect(self._port), list(said)))

    def wrong_sockets(self) -> None:
        with zmtp.connect(self._port) as connection:
            kind = self._rng.choice((b"PUB", b"ROUTER", b"", b"\0", b"x" * 300))
            connection.sendall(zmtp.GREETING + zmtp.ready(self._name(), kind) + zmtp.message([b"x"]))

    def strange_names(self) -> None:
        name = self._rng.choice((b"", b"x" * 255, b"x" * 300, TAG, b"twice", b"\0" + self._rng.randbytes(4)))
        connection = self._kept_open(zmtp.connect(self._port))
        connection.sendall(zmtp.GREETING + zmtp.ready(name) + zmtp.message([b"\x01"]))

    # --- after it ----

    def huge_lengths(self) -> None:
        with zmtp.introduced(self._port, self._name()) as connection:
            size = self._rng.choice((FRAME_LIMIT + 1, 1 << 31, 1 << 62, (1 << 64) - 1))
            connection.sendall(zmtp.header(size, self._rng.choice((0, zmtp.MORE, zmtp.COMMAND))) + bytes(1000))

    def commands(self) -> None:
        with zmtp.introduced(self._port, self._name()) as connection:
            names = (b"\x04PING\0\0", b"\x04PING", b"\x05READY", b"\x05ERROR\x02no", b"\x09SUBSCRIBEx", b"\xff", b"")
            for _ in range(5):
                connection.sendall(zmtp.frame(self._rng.choice(names), self._rng.choice((4, 5, 6, 7, 0x80, 0xFF))))

    def hostile_frames(self) -> None:
        with zmtp.introduced(self._port, self._name()) as connection:
            for frames in hostile_messages(self._rng, 20):
                connection.sendall(zmtp.message(frames))

    def scripts(self) -> None:
        """A mutated conversation, all of it said by one peer, which often does not wait for the answer."""
        script = self._rng.choice(self._scripts)
        for _ in range(self._rng.randint(1, 8)):
            script = mutate(script, self._rng, self._rng.choice(self._scripts))
        connection = self._kept_open(zmtp.introduced(self._port, self._name()))
        for step in unpack(script):
            if step.frames:
                connection.sendall(zmtp.message(list(step.frames)))
        if self._rng.random() < 0.5:
            connection.close()

    def endless_message(self) -> None:
        with zmtp.introduced(self._port, self._name()) as connection:
            part = zmtp.frame(bytes(self._rng.choice((1000, 1 << 20, FRAME_LIMIT))), zmtp.MORE)
            for _ in itertools.repeat(None, ENDLESS // len(part)):
                connection.sendall(part)

    def many_frames(self) -> None:
        with zmtp.introduced(self._port, self._name()) as connection:
            connection.sendall(zmtp.frame(b"x", zmtp.MORE) * FLOOD + zmtp.frame(b""))
