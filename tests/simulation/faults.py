"""What goes wrong, and when: crashes, freezes, partitions, revoked keys, bursts, and clocks that are set."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from filterfleet.listener.core import scan
from filterfleet.listener.core.order import Resume
from tests.simulation.listener_node import ListenerNode
from tests.simulation.nodes import Node, Peer
from tests.simulation.places import Output, Source
from tests.simulation.worker_node import WorkerNode

if TYPE_CHECKING:
    from tests.simulation.world import World

FAULTS_END = 20.0  # seconds of virtual time
WAYS = [frozenset({"up"}), frozenset({"down"}), frozenset({"up", "down"})]


class Faults:
    def __init__(self, world: World) -> None:
        self._world = world
        self._rng = world.rng
        self._kinds: list[Callable[[Node], None]] = [
            *[self._crash] * 3,
            *[self._freeze] * 2,
            *[self._part] * 2,
            self._part_many,
            self._drain,
            self._revoke,
            *[self._burst] * 2,
            self._replace,
            self._rewrite,
            self._touch,
            self._remove,
            *[self._remove_outputs] * 2,
            self._hide,
            self._lock,
            *[self._lose_a_place] * 2,
            self._break_a_disk,
            self._set_clock,
            self._order,
        ]

    def plan(self) -> None:
        clock = self._world.clock
        intensity = self._rng.choice([0.0, 0.5, 2.0])  # mean seconds between two faults; 0: none
        when = 1.0
        while intensity and (when := when + self._rng.expovariate(1 / intensity)) < FAULTS_END:
            clock.at(when, self._happen)
        clock.at(FAULTS_END, self._clear_up)

    def _happen(self) -> None:
        world = self._world
        node = self._rng.choice([*world.brokers, *world.listeners, *world.workers * 3, world.echo])
        if node.alive and not node.frozen:
            self._rng.choice(self._kinds)(node)

    def _clear_up(self) -> None:
        self._world.tell("world", "faults end")
        self._world.network.clear_up()
        self._world.revoked.clear()
        for thief in self._world.thieves:
            thief.stop()
        for listener in self._world.listeners:
            listener.source.hidden = listener.source.away = listener.output.away = listener.source.locked = False
            listener.output.broken = False
            listener.users.order(Resume())

    # --- by kind ----

    def _crash(self, node: Node) -> None:
        """For a while; one of two brokers perhaps for good, if it is the first."""
        world = self._world
        if len(world.brokers) > 1 and node in world.brokers and not world.gone and self._rng.random() < 0.3:
            node.tell("CRASHES FOR GOOD")
            world.gone = node
            node.crash()
        else:
            node.tell("CRASHES")
            world.crash_for(node, self._rng.choice([0.1, 0.5, 5.0]))

    def _freeze(self, node: Node) -> None:
        seconds = self._rng.choice([0.5, 3.0, 8.0])
        node.tell(f"FREEZES for {seconds} s")
        node.freeze(seconds)

    def _part(self, node: Node) -> None:
        self._cut_off([node], self._rng.choice(WAYS))

    def _part_many(self, node: Node) -> None:
        """A switch that dies takes several peers with it."""
        self._cut_off([node, *self._rng.sample(self._world.workers, 2)], WAYS[-1])

    def _cut_off(self, nodes: list[Node], ways: frozenset[str]) -> None:
        """From one broker, or from all of them."""
        network, brokers = self._world.network, range(len(self._world.brokers))
        seconds = self._rng.choice([0.5, 3.0, 10.0])
        holds = self._rng.random() < 0.5
        cut = self._rng.choice([brokers, *([broker] for broker in brokers)])
        for node in nodes:
            if isinstance(node, Peer):
                how = f"{' and '.join(sorted(ways))}{', held' if holds else ''}"
                node.tell(f"CUT OFF from brokers {list(cut)} for {seconds} s: {how}")
                for broker in cut:
                    network.part(node.name, broker, ways, holds=holds)
                    self._world.clock.after(seconds, network.heal, node.name, broker)

    def _drain(self, node: Node) -> None:
        if isinstance(node, WorkerNode):
            node.tell("DRAINS")
            node.do(node.drain)

    def _revoke(self, node: Node) -> None:
        world = self._world
        if isinstance(node, WorkerNode | ListenerNode):
            node.tell("KEY REVOKED")
            world.revoked.add(node.name)
            for number, connection in node.connections.items():
                broker = world.brokers[number]
                broker.do(broker.strike_off, node.side, connection.identity)
            world.clock.after(self._rng.choice([1.0, 6.0]), world.revoked.discard, node.name)

    def _burst(self, _node: Node) -> None:
        listener = self._rng.choice(self._world.listeners)
        for _ in range(self._rng.choice([2, 10, 20])):
            listener.users.upload()

    def _replace(self, _node: Node) -> None:
        self._rng.choice(self._world.listeners).users.replace()

    def _rewrite(self, _node: Node) -> None:
        self._rng.choice(self._world.listeners).users.rewrite()

    def _touch(self, _node: Node) -> None:
        self._rng.choice(self._world.listeners).users.touch()

    def _remove(self, _node: Node) -> None:
        self._rng.choice(self._world.listeners).users.remove()

    def _remove_outputs(self, _node: Node) -> None:
        self._rng.choice(self._world.listeners).output.remove(self._rng)

    def _hide(self, _node: Node) -> None:
        """A source shows nothing for a while, like a share that is not mounted. A small one would be believed, and one
        of which much is ordered again: it is forgotten when it cannot be loaded."""
        listener = self._rng.choice(self._world.listeners)
        source = listener.source
        if listener.ledger.certain > scan.MASS_MINIMUM and not source.locked and not listener.users.orders:
            seconds = self._rng.choice([0.5, 3.0])
            self._world.tell("world", f"A SOURCE SHOWS NOTHING for {seconds} s")
            source.hidden = True
            self._world.clock.after(seconds, self._show, source)

    def _show(self, source: Source) -> None:
        source.hidden = False

    def _lock(self, _node: Node) -> None:
        """A folder of a source cannot be read for a while."""
        listener = self._rng.choice(self._world.listeners)
        if listener.source.hidden:
            return
        seconds = self._rng.choice([0.5, 3.0, 8.0])
        self._world.tell("world", f"A FOLDER of {listener.name}'s source CANNOT BE READ for {seconds} s")
        listener.source.locked = True
        self._world.clock.after(seconds, self._unlock, listener.source)

    def _unlock(self, source: Source) -> None:
        source.locked = False

    def _lose_a_place(self, _node: Node) -> None:
        """An outage of a source or of an output."""
        listener = self._rng.choice(self._world.listeners)
        place = self._rng.choice([listener.source, listener.output])
        seconds = self._rng.choice([0.3, 2.0, 8.0])
        self._world.tell("world", f"OUTAGE of {listener.name}'s {type(place).__name__.lower()} for {seconds} s")
        place.away = True
        self._world.clock.after(seconds, self._restore, place)

    def _break_a_disk(self, _node: Node) -> None:
        """For a while, an output takes what is written and cannot make it durable."""
        listener = self._rng.choice(self._world.listeners)
        seconds = self._rng.choice([0.3, 2.0, 8.0])
        self._world.tell("world", f"THE DISK of {listener.name}'s output FAILS for {seconds} s")
        listener.output.broken = True
        self._world.clock.after(seconds, self._mend, listener.output)

    def _mend(self, output: Output) -> None:
        output.broken = False

    def _restore(self, place: Source | Output) -> None:
        place.away = False

    def _order(self, _node: Node) -> None:
        listener = self._rng.choice(self._world.listeners)
        if not listener.source.hidden:
            listener.users.order_something()

    def _set_clock(self, _node: Node) -> None:
        step = self._rng.choice([-86400.0, -3600.0, -1.0, 1.0, 3600.0])
        self._world.tell("world", f"WALL CLOCK SET by {step} s")
        self._world.wall.offset += step
