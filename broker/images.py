"""A line of the log for each image that is done, for those who want one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from filterfleet.broker.outbox import Outbox
from filterfleet.broker.state import TaskState, Worker
from filterfleet.common import wire
from filterfleet.common.jobs.ids import short_id

Handlers = dict[type, Callable[[Worker, Any, float], None]]


def tell_images(handlers: Handlers, outbox: Outbox) -> None:
    """From now on, results are told before they are handled. Nobody else pays for this."""
    on_results, on_result = handlers[wire.Results], handlers[wire.Result]

    def tell(worker: Worker, tokens: Iterable[bytes]) -> None:
        for lease in map(worker.leases.get, tokens):
            if lease is not None and lease.task.state is not TaskState.DELIVERING:
                outbox.tell("image done", job=short_id(lease.task.id), worker=worker.host)

    def results(worker: Worker, message: wire.Results, now: float) -> None:
        tell(worker, message.ids)
        on_results(worker, message, now)

    def result(worker: Worker, message: wire.Result, now: float) -> None:
        tell(worker, [message.id])
        on_result(worker, message, now)

    handlers |= {wire.Results: results, wire.Result: result}
