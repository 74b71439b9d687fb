"""Processes in general: they crash, start again, freeze, and read clocks of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from filterfleet.broker.actions import Side
from filterfleet.broker.settings import Settings
from filterfleet.common.wire import Message, encode
from filterfleet.common.wire.batches import batches
from tests.simulation.liars import greedily
from tests.simulation.router import Connection, Frames
from tests.simulation.versions import as_before

if TYPE_CHECKING:
    from tests.simulation.world import World

SETTINGS = Settings(  # all smaller than in life, in proportion
    interval=1.5,
    missed=3,
    inline_limit=240,
    task_timeout=12.0,
    dispatch_patience=5.0,
    resend=6.0,
    tasks=24,
    held_bytes=5000,
    result_bytes=2000,
    calm=5.0,
    retry_delay=0.5,
    parts_of_peer=12,
    parts_of_lease=4,
)
REFUSED_AFTER = 0.05  # seconds until a new socket learns that its key is not let in


class Node:
    """A process. Asleep it is woken at its core's deadline.

    Its monotonic clock begins anywhere: no instant means anything to anybody else.
    """

    def __init__(self, world: World, name: str) -> None:
        self.world = world
        self.name = name
        self.alive = False
        self.frozen = False
        self.life = 0
        self._epoch = world.rng.uniform(0, 1e5)
        self._inbox: list[tuple[Callable[..., None], tuple[Any, ...]]] = []
        self._wake_at = float("inf")

    def boot(self) -> None:
        raise NotImplementedError

    def wake(self) -> None:
        raise NotImplementedError

    def deadline(self) -> float:
        raise NotImplementedError

    @property
    def now(self) -> float:
        return self.world.clock.now + self._epoch

    def tell(self, what: str) -> None:
        self.world.tell(self.name, what)

    def start(self) -> None:
        self.alive = True
        self.life += 1
        self._inbox.clear()
        self._wake_at = float("inf")
        self.boot()
        self._sleep()

    def crash(self) -> None:
        self.alive = False
        self.frozen = False

    def freeze(self, seconds: float) -> None:
        self.frozen = True
        self.world.clock.after(seconds, self._thaw, self.life)

    def _thaw(self, life: int) -> None:
        if life == self.life and self.frozen:
            self.frozen = False
            inbox, self._inbox = self._inbox, []
            for event, args in inbox:
                self.do(event, *args)
            self.do(self.wake)

    def do(self, event: Callable[..., None], *args: Any) -> None:
        """Run something in this process, as soon as it can run at all."""
        if self.frozen:
            self._inbox.append((event, args))
        elif self.alive:
            event(*args)
            self._sleep()

    def later(self, delay: float, event: Callable[..., None], *args: Any) -> None:
        """The same after a while, unless this process has died by then."""
        self.world.clock.after(delay, self._do_in_life, self.life, event, args)

    def _do_in_life(self, life: int, event: Callable[..., None], args: tuple[Any, ...]) -> None:
        if self.life == life:
            self.do(event, *args)

    def _sleep(self) -> None:
        """Set an alarm for the deadline, unless there is an earlier one."""
        deadline = self.deadline() - self._epoch
        if deadline < self._wake_at and self.alive:
            self._wake_at = deadline = max(deadline, self.world.clock.now + 1e-6)
            self.world.clock.at(deadline, self._on_alarm, self.life, deadline)

    def _on_alarm(self, life: int, deadline: float) -> None:
        if life == self.life and self._wake_at == deadline:
            self._wake_at = float("inf")
            self.do(self.wake)


class Peer(Node):
    """A process with DEALER sockets, one to a broker at most."""

    side: Side

    def __init__(self, world: World, name: str) -> None:
        super().__init__(world, name)
        self.connections: dict[int, Connection] = {}  # by the broker's number

    def crash(self) -> None:
        super().crash()
        for broker in list(self.connections):
            self.close(broker)

    def close(self, broker: int) -> None:
        if (connection := self.connections.pop(broker, None)) is not None:
            self.world.network.close(connection)

    def open(self, identity: bytes, broker: int = 0) -> None:
        """Close the socket to this broker, if there is one, and connect a new one."""
        self.close(broker)
        connection = self.world.network.connect(
            self.name, broker, self.side, identity, self.world.brokers[broker].arrive, self._arrive
        )
        self.connections[broker] = connection
        if self.name in self.world.revoked:
            self.later(REFUSED_AFTER, self._refuse, connection)

    def cut(self, connection: Connection) -> None:
        """The broker has ended the connection. libzmq makes it again."""
        if self.connections.get(connection.broker) is connection:
            self.open(connection.identity, connection.broker)

    def _arrive(self, connection: Connection, frames: Frames) -> None:
        self.do(self._hear, connection, frames)

    def _hear(self, connection: Connection, frames: Frames) -> None:
        if connection.open:
            self.receive(as_before(frames, self.name) if self.name in self.world.old else frames, connection.broker)

    def _refuse(self, connection: Connection) -> None:
        if connection.open:
            self.refused(connection.broker)

    def receive(self, frames: Frames, broker: int) -> None:
        raise NotImplementedError

    def refused(self, broker: int) -> None:
        """This broker does not know our key."""

    def send(self, frames: Frames, broker: int = 0) -> None:
        if self.name in self.world.old:
            frames = as_before(frames, self.name)
        self.world.show_sent(self.name, broker, frames)
        self.world.network.carry(self.connections[broker], "up", frames)

    def send_messages(self, messages: list[Message], broker: int) -> None:
        if self.name in self.world.greedy:
            messages = greedily(messages, columns=not self.world.old)
        for batch in batches(messages, SETTINGS.inline_limit) if messages else ():
            self.send([bytes(frame) for frame in encode(batch)], broker)
