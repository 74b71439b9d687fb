"""Jobs, leases and results that travel in columns, and what has to be true of them for that."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from itertools import groupby

from filterfleet.broker.state import OBJECT, OPAQUE, Lease, Submitter, Task, TaskState, size_of
from filterfleet.common.errors import ProtocolError
from filterfleet.common.jobs.job import check_outputs
from filterfleet.common.wire import Message, OutputFile, Results, Submits, Tasks
from filterfleet.common.wire import Task as TaskMessage
from filterfleet.common.wire.columns import JOINED, cut, joined
from filterfleet.common.wire.messages import ROWS_LIMIT

_RUNNING = TaskState.RUNNING  # looked up once: that of an enumeration takes long


def tasks_of(client: Submitter, submits: Submits) -> list[Task]:
    """What the client has submitted."""
    recipe, priority, outputs, largest = submits.recipe, submits.priority, submits.outputs, submits.largest
    needs, peer, owner = frozenset(submits.needs), client.peer, client.owner
    shared = size_of(needs) + size_of(outputs) + len(recipe)
    none: tuple[bytes, ...] = ()
    return [
        Task(
            *(peer, id_, recipe, needs, priority, size, (image,) if size else none, outputs, largest),
            owner=owner,
            held_bytes=shared + size + OBJECT if size else shared,
        )
        for id_, size, image in zip(submits.ids, submits.sizes, cut(submits.payload, submits.sizes), strict=True)
    ]


def task_messages(leases: Iterable[Lease], timeout: float) -> Iterator[Message]:
    """The messages that send their tasks to the worker of these leases, in order."""
    for recipe, group in groupby(leases, _recipe_in_columns):
        own = list(group)
        if recipe is not None:
            for first in range(0, len(own), ROWS_LIMIT):
                yield _in_columns(recipe, own[first : first + ROWS_LIMIT], timeout)
            continue
        for lease in own:
            task = lease.task
            yield TaskMessage(
                lease.token,
                task.recipe,
                task.size,
                timeout,
                task.opaque,
                lease.alone,
                task.payload,
                task.reference,
            )


def is_plain(lease: Lease) -> bool:
    """Whether its result needs nothing else than to be delivered: it is no trial, nothing else runs its task, and none
    of its outputs is pulled, and it was not tried before."""
    task = lease.task
    return (
        len(task.leases) == 1
        and task.state is _RUNNING
        and not (lease.alone or task.tried)
        and task.needs is not OPAQUE
    )


def all_fit(leases: Collection[Lease], results: Results, inline_limit: int) -> bool:
    """Whether all outputs are those that the clients expect, and none of them had to be pulled."""
    if sum(results.sizes) > inline_limit:
        return False
    largest = max(results.sizes, default=0)
    outputs = [OutputFile(column.name, column.format, largest) for column in results.outputs]
    try:
        for expected, limit in {(lease.task.outputs, lease.task.largest) for lease in leases}:
            if expected:
                check_outputs(expected, outputs, limit)
    except ProtocolError:
        return False
    return True


def _recipe_in_columns(lease: Lease) -> bytes | None:
    """The recipe of a lease whose task may go out in columns, and None for any other."""
    task = lease.task
    single = lease.alone or task.opaque or task.reference or task.size > JOINED
    if lease.worker.minor and not single:
        return task.recipe if task.payload or not task.size else None
    return None


def _in_columns(recipe: bytes, leases: list[Lease], timeout: float) -> Tasks:
    ids = tuple([lease.token for lease in leases])
    sizes = tuple([lease.task.size for lease in leases])
    return Tasks(ids, recipe, sizes, timeout, joined([part for lease in leases for part in lease.task.payload]))
