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
from filterfleet.broker.state import Task, TaskState, size_of
from filterfleet.broker.timers import Alarm, Timers
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
        task.outcome = replace(outcome, id=task.id)
        task.held_bytes -= freed
        task.result_bytes = size_of(getattr(outcome, "payload", ()))
        self._books.hold(self._books.clients[task.client], -freed, task.result_bytes - result_before)
        self.send_outcome(task, now)

    def deliver_all(self, tasks: Sequence[Task], results: wire.Results, now: float) -> None:
        """The same for many results, which come with their outputs."""
        results = replace(results, ids=tuple([task.id for task in tasks]))
        pairs = list(zip(tasks, results_of(results), strict=True))
        peers = {task.client for task in tasks}
        for peer in peers:
            own = pairs if len(peers) == 1 else [pair for pair in pairs if pair[0].client == peer]
            freed = kept = 0
            for task, result in own:
                freed += (size := size_of(task.payload))
                kept += (result_size := size_of(cast("tuple[bytes, ...]", result.payload)))
                task.held_bytes -= size
                task.result_bytes = result_size
                task.payload, task.outcome, task.state = (), result, TaskState.DELIVERING
            client = self._books.clients[peer]
            self._books.hold(client, -freed, kept)
            if not client.minor:
                messages: Sequence[wire.Message] = [result for _, result in own]
            else:
                messages = [results] if len(peers) == 1 else gather(result for _, result in own)
            for message in messages:
                self._outbox.send(FRONT, peer, message)
            self._acks.settle(peer, [task.id for task, _ in own], now)
        self._timers.at(now + self._settings.resend, Alarm.RESEND, *tasks)

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
