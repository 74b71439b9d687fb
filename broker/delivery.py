"""The outcomes of tasks on their way to clients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from msgspec.structs import replace

from filterfleet.broker.acks import Acks
from filterfleet.broker.actions import Side
from filterfleet.broker.books import Books
from filterfleet.broker.outbox import Outbox
from filterfleet.broker.settings import Settings
from filterfleet.broker.state import OBJECT, Task, TaskState, size_of
from filterfleet.broker.timers import Alarm, Timers
from filterfleet.broker.tries import told
from filterfleet.common import wire
from filterfleet.common.wire.columns import gather
from filterfleet.common.wire.columns import results as results_of

FRONT = Side.FRONTEND


class Delivery:
    """Keeps each outcome, and sends it again and again, until its client has acknowledged it."""

    def __init__(self, settings: Settings, outbox: Outbox, timers: Timers, books: Books, acks: Acks) -> None:
        self._settings = settings
        self._outbox = outbox
        self._timers = timers
        self._books = books
        self._acks = acks

    def deliver(self, task: Task, outcome: wire.Result | wire.Failed, now: float) -> None:
        """Send the client its task's outcome, again and again until it is acknowledged."""
        freed, result_before = 0, task.result_bytes
        if not task.leases:  # otherwise the outputs are pulled from a worker that may still die
            freed = size_of(task.payload)
            task.payload = ()
        task.state = TaskState.DELIVERING
        task.outcome = replace(outcome, id=task.id, tries=told(task.tried, now))
        task.held_bytes -= freed
        task.result_bytes = size_of(getattr(outcome, "payload", ()))
        self._books.hold(self._books.clients[task.client], -freed, task.result_bytes - result_before)
        self.send_outcome(task, now)

    def deliver_all(self, tasks: Sequence[Task], results: wire.Results, now: float) -> None:
        """The same for many results, which come with their outputs."""
        results = replace(results, ids=tuple([task.id for task in tasks]))
        singles = results_of(results)
        for task, result in zip(tasks, singles, strict=True):
            task.outcome = result
        peers = {task.client for task in tasks}
        for peer in peers:
            own = tasks if len(peers) == 1 else [task for task in tasks if task.client == peer]
            self._keep_all(peer, own)
            if not self._books.clients[peer].minor:
                messages: Sequence[wire.Message] = [cast("wire.Message", task.outcome) for task in own]
            elif len(peers) == 1:
                messages = [results]
            else:
                messages = gather([cast("wire.Message", task.outcome) for task in own])
            for message in messages:
                self._outbox.send(FRONT, peer, message)
            self._acks.settle(peer, results.ids if len(peers) == 1 else [task.id for task in own], now)
        self._timers.at(now + self._settings.resend, Alarm.RESEND, *tasks)

    def _keep_all(self, peer: bytes, tasks: Sequence[Task]) -> None:
        """In place of the images of this client's tasks, the broker holds their results now."""
        freed = kept = 0
        delivering = TaskState.DELIVERING  # a constant of an enumeration takes long to find
        for task in tasks:
            if task.payload:
                freed += (size := task.size + OBJECT)
                task.held_bytes -= size
                task.payload = ()
            task.result_bytes = size = size_of(cast("wire.Result", task.outcome).payload)  # type: ignore[arg-type]
            kept += size
            task.state = delivering
        self._books.hold(self._books.clients[peer], -freed, kept)

    def send_outcome(self, task: Task, now: float) -> None:
        """Send the outcome that there is."""
        assert task.outcome is not None
        self._outbox.send(FRONT, task.client, task.outcome)
        self._acks.settle(task.client, [task.id], now)
        self._timers.at(now + self._settings.resend, Alarm.RESEND, task)

    def resend(self, task: Task, now: float) -> None:
        """The client has not acknowledged the outcome for a while."""
        if task.state is TaskState.DELIVERING:
            self.send_outcome(task, now)
