"""The broker's books: which clients it knows, which tasks they have, and how much of its room each one takes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from filterfleet.broker.settings import Settings
from filterfleet.broker.state import Submitter, Task
from filterfleet.common.wire.liveness import Liveness


@dataclass(slots=True)
class Owner:
    """What all clients of one owner have together."""

    clients: int = 0  # that have tasks
    tasks: int = 0
    held_bytes: int = 0


class Books:
    """Clients and their tasks, with totals. All byte counts are those of Task.held_bytes and Task.result_bytes.

    A client may hold a fixed multiple of the room that is left (A. Choudhury and E. Hahne, "Dynamic Queue Length
    Thresholds for Shared-Memory Packet Switches", IEEE/ACM Transactions on Networking 6(2), 1998). However many clients
    fill the broker, all end up with equal shares, and one that comes later still finds room. A larger multiple limits
    all clients of one owner together, and when they are many, each of them gets less of it.
    """

    def __init__(self, settings: Settings) -> None:
        self.clients: dict[bytes, Submitter] = {}
        self.orphans: set[Task] = set()  # tasks whose clients have left
        self.tasks = 0
        self.held_bytes = 0
        self.result_bytes = 0
        self._owners: dict[str, Owner] = {}  # those that have tasks
        self._settings = settings

    def every_task(self) -> Iterator[Task]:
        for client in self.clients.values():
            yield from client.tasks.values()

    def has_room(self, client: Submitter, priority: int, size: int, count: int = 1) -> bool:
        """Whether `count` more tasks of this client fit, which hold `size` bytes together. An image larger than the cap
        fits when nothing else is held."""
        limits = self._settings
        share = limits.share if priority else limits.urgent_share
        before = size - size // count  # of all but the last one
        tasks_left = limits.tasks - self.tasks - (count - 1)
        bytes_left = limits.held_bytes - self.held_bytes - before
        owner = self._owners.get(client.owner)
        if owner is not None and owner.tasks > len(client.tasks):  # other clients of the same owner have tasks as well
            whole = share * limits.owner_share
            if owner.tasks + count > whole * tasks_left or owner.held_bytes + size > whole * bytes_left:
                return False
            share = whole / max(limits.owner_share, owner.clients + (not client.tasks))
        bytes_fit = size - before <= bytes_left and client.held_bytes + size <= share * bytes_left
        alone = count == 1 and self.held_bytes == 0
        return len(client.tasks) + count <= share * tasks_left and (bytes_fit or alone)

    def takes_result(self, task: Task) -> bool:
        """Whether the task's client may leave one more result unacknowledged. The rule of shares applies here as well,
        so a client that does not acknowledge keeps only its own tasks waiting."""
        left = self._settings.result_bytes - self.result_bytes
        return self.clients[task.client].result_bytes <= max(0, left)

    def add(self, client: Submitter, *tasks: Task) -> None:
        if (owner := self._owners.get(client.owner)) is None:
            owner = self._owners[client.owner] = Owner()
        owner.clients += not client.tasks
        owner.tasks += len(tasks)
        client.tasks.update({task.id: task for task in tasks})
        self.tasks += len(tasks)
        self.hold(client, sum(task.held_bytes for task in tasks))

    def remove(self, *tasks: Task) -> None:
        """Strike out tasks of one client. A basic client goes with its last task."""
        client = self.clients[tasks[0].client]
        held, results = sum(task.held_bytes for task in tasks), sum(task.result_bytes for task in tasks)
        self.hold(client, -held, -results)
        self.tasks -= len(tasks)
        for task in tasks:
            del client.tasks[task.id]
        owner = self._owners[client.owner]
        owner.tasks -= len(tasks)
        owner.clients -= not client.tasks
        if not owner.tasks:
            del self._owners[client.owner]
        if client.basic and not client.tasks:
            del self.clients[client.peer]
            self.orphans.difference_update(tasks)

    def orphan(self, task: Task) -> None:
        """The task's client is gone. From now on the task belongs to nobody who could be sent anything: no peer may
        have a routing id of this form."""
        owner = self.clients[task.client].owner
        self.remove(task)
        task.client = b"\0gone" + task.id
        orphan = self.clients[task.client] = Submitter(task.client, b"", True, Liveness(0.0), owner=owner)
        self.add(orphan, task)
        self.orphans.add(task)

    def hold(self, client: Submitter, held_bytes: int, result_bytes: int = 0) -> None:
        """Count these bytes of tasks and of results in; negative numbers count them out."""
        self.held_bytes += held_bytes
        client.held_bytes += held_bytes
        self._owners[client.owner].held_bytes += held_bytes
        self.result_bytes += result_bytes
        client.result_bytes += result_bytes
