"""What the users of a listener do: they put files into its source, change and remove them, and give it orders."""

from __future__ import annotations

from typing import TYPE_CHECKING

from filterfleet.listener.core.order import Order, Pause, Redo, Resume, Retry
from filterfleet.listener.core.scan import ROOT
from tests.simulation.invariants import InvariantError
from tests.simulation.pausing import Pausing
from tests.simulation.photos import Photo

if TYPE_CHECKING:
    from tests.simulation.listener_node import ListenerNode


class Users:
    """They and their orders outlive the listener's process. orders: those that wait to be carried out, by their ids."""

    def __init__(self, listener: ListenerNode) -> None:
        self.orders: dict[str, Order] = {}
        self.pausing = Pausing()
        self._listener = listener
        self._world = listener.world
        self._source = listener.source

    def upload(self) -> None:
        settle = self._listener.settings.settle
        versions = self._source.upload(self._world.wall.time_ns(), halves=settle > 0)
        self._put(versions[0])
        for photo in versions[1:]:  # the upload ends before its first half can look complete
            self._world.clock.after(0.8 * settle, self._put, photo)

    def replace(self) -> None:
        if (photo := self._source.another(self._world.wall.time_ns())) is not None:
            self._put(photo)

    def rewrite(self) -> None:
        if (photo := self._source.rewrite()) is not None:
            self._put(photo)

    def touch(self) -> None:
        if (photo := self._source.touch()) is not None:
            self._put(photo)

    def remove(self) -> None:
        if (path := self._source.remove()) is not None:
            self._listener.tell(f"USER REMOVES {path}")
            self._notify(path)

    def order_something(self) -> None:
        rng = self._world.rng
        some = tuple(path for path in self._source.photos if rng.random() < 0.3)
        kinds = [Redo(some), Redo(everything=True), Retry(some), Retry(everything=True), Pause(), Resume()]
        self.order(rng.choice(kinds))

    def order(self, order: Order) -> None:
        """An order waits in its box until it is answered, from life to life."""
        id_ = self._world.rng.randbytes(4).hex()
        self.orders[id_] = order
        self.pausing.ordered(order)
        self._listener.tell(f"USER ORDERS {order!r:.60}")
        self._listener.ordered(id_, order)

    def answered(self, id_: str) -> None:
        """Raises InvariantError."""
        if (order := self.orders.pop(id_, None)) is None:
            raise InvariantError(f"{self._listener.name} answers an order that nobody has given")
        self.pausing.answered(order, self.orders.values(), self._listener.core.desk.works)

    def _put(self, photo: Photo) -> None:
        self._source.put(photo)
        half = ", half of it" if photo.partial else ""
        self._listener.tell(f"USER PUTS {photo.key!r} at {photo.path}, {photo.kind}{half}")
        self._notify(photo.path)

    def _notify(self, path: str) -> None:
        """Notifications name the path, or only say that something has changed, or get lost."""
        if self._listener.watching and self._listener.alive:
            heard = self._world.rng.choice([path, path, path, ROOT, None])
            if heard is not None:
                self._listener.heard(heard)
