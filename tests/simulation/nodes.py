"""Processes in general: they crash, start again, freeze, and read clocks of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from broker.actions import Side
from broker.settings import Settings
from common.batches import batches
from common.protocol import Message, encode
from tests.simulation.network import Connection, Frames

if TYPE_CHECKING:
    from tests.simulation.world import World

SETTINGS = Settings(
    inline_limit=100, task_timeout=12.0, dispatch_patience=5.0, resend=6.0, tasks=24, held_bytes=3000, calm=5.0
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
        self._inbox: list[Callable[[], None]] = []
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
        self.sleep()

    def crash(self) -> None:
        self.alive = False
        self.frozen = False

    def freeze(self, seconds: float) -> None:
        life = self.life
        self.frozen = True
        self.world.clock.after(seconds, lambda: self._thaw(life))

    def _thaw(self, life: int) -> None:
        if life == self.life and self.frozen:
            self.frozen = False
            inbox, self._inbox = self._inbox, []
            for event in inbox:
                self.do(event)
            self.do(self.wake)

    def do(self, event: Callable[[], None]) -> None:
        """Run something in this process, as soon as it can run at all."""
        if not self.alive:
            return
        if self.frozen:
            self._inbox.append(event)
            return
        event()
        self.sleep()

    def later(self, delay: float, event: Callable[[], None]) -> None:
        """The same after a while, unless this process has died by then."""
        life = self.life
        self.world.clock.after(delay, lambda: self.life == life and self.do(event))

    def sleep(self) -> None:
        if not self.alive or self.frozen:
            return
        now = self.world.clock.now
        deadline = max(self.deadline() - self._epoch, now + 1e-6)
        if deadline < self._wake_at or self._wake_at <= now:
            self._wake_at = deadline
            life = self.life
            self.world.clock.at(deadline, lambda: self._on_alarm(life, deadline))

    def _on_alarm(self, life: int, deadline: float) -> None:
        if life == self.life and self._wake_at == deadline:
            self._wake_at = float("inf")
            self.do(self.wake)


class Peer(Node):
    """A process with one DEALER socket to the broker."""

    side: Side
    connection: Connection | None = None

    def crash(self) -> None:
        super().crash()
        if self.connection is not None:
            self.connection.close(self.world.clock.now)

    def open(self, identity: bytes) -> None:
        if self.connection is not None:
            self.connection.close(self.world.clock.now)
        life = self.life
        self.connection = connection = self.world.network.connect(
            self.name, identity, lambda frames: self.life == life and self.do(lambda: self.receive(frames))
        )
        if self.name in self.world.revoked:
            self.later(REFUSED_AFTER, lambda: connection.open and self.refused())

    def receive(self, frames: Frames) -> None:
        raise NotImplementedError

    def refused(self) -> None:
        """The broker does not know our key."""

    def send(self, frames: Frames) -> None:
        assert self.connection is not None
        self.world.to_broker(self, self.connection, frames)

    def send_messages(self, messages: list[Message]) -> None:
        if messages:
            for batch in batches(messages, SETTINGS.inline_limit):
                self.send([bytes(frame) for frame in encode(batch)])
