"""The leases that a session holds, by token and in order of their arrival."""

from __future__ import annotations

from collections.abc import Iterable

from filterfleet.common import wire
from filterfleet.common.wire.actions import Discard, Send, Store
from filterfleet.common.wire.columns import cut
from filterfleet.common.wire.messages import LEASES_LIMIT
from filterfleet.common.wire.pull import Pull
from filterfleet.worker.leases.actions import Abandon, Action, Run, run_of
from filterfleet.worker.leases.state import Lease, LeaseState, closing


class Holding(dict[bytes, Lease]):
    """state.py has the table of a lease's states. What follows from the end of one is returned as actions."""

    def __init__(self) -> None:
        super().__init__()
        self.unfinished = 0  # leases without an outcome
        self._pulling: dict[int, Lease] = {}  # by the blob of the image
        self._last_blob = 0

    @property
    def waiting(self) -> list[Lease]:
        """Those whose work has not begun, though it could."""
        return [held for held in self.values() if held.state is LeaseState.HANDED_OVER]

    @property
    def pulling(self) -> list[Lease]:
        return list(self._pulling.values())

    def pulling_into(self, blob: int) -> Lease | None:
        return self._pulling.get(blob)

    def running(self, now: float) -> float:
        """For how many seconds the oldest task has been worked on."""
        return now - min((held.begun_at for held in self.values() if held.state is LeaseState.BEGUN), default=now)

    def beyond(self, slots: int) -> list[Lease]:
        """Those that wait although there are more unfinished leases than slots, the latest first."""
        return self.waiting[::-1][: max(0, self.unfinished - slots)]

    def crowded(self, most_unfinished: int, more: int = 1) -> bool:
        """Whether there would be too many with this number of new ones."""
        return self.unfinished + more > most_unfinished or len(self) + more > LEASES_LIMIT

    def add(self, held: Lease) -> None:
        self[held.token] = held
        self.unfinished += 1

    def add_all(self, tasks: wire.Tasks) -> list[Run]:
        """Take on tasks that have their images."""
        recipe, timeout, state = tasks.recipe, tasks.timeout, LeaseState.HANDED_OVER
        self.update({token: Lease(token, state) for token in tasks.ids})
        self.unfinished += len(tasks.ids)
        images = cut(tasks.payload, tasks.sizes)
        return [Run(token, recipe, image, timeout) for token, image in zip(tasks.ids, images, strict=True)]

    def pull(self, held: Lease, size: int) -> None:
        """The image is on its way, into a blob of its own."""
        held.state = LeaseState.PULLING
        held.pull = Pull(size)
        held.blob = self._last_blob = self._last_blob + 1
        self._pulling[held.blob] = held

    def take(self, data: wire.Data) -> Store | None:
        """How to store this part of an image; None when it was not asked for or has come before."""
        held = self.get(data.id)
        part = data.payload[0]
        if held is None or held.pull is None or not held.pull.take(data.offset, len(part)):
            return None
        return Store(held.blob, data.offset, part)

    def pull_on(self, held: Lease, now: float) -> list[Action]:
        """Ask for what is missing of an image. When all of it is there, its blob belongs to the shell."""
        assert held.pull is not None
        assert held.task is not None
        actions: list[Action] = [Send(wire.Get(held.token, "", *part)) for part in held.pull.requests(now)]
        if held.pull.complete:
            held.state = LeaseState.HANDED_OVER
            held.pull = None
            del self._pulling[held.blob]
            actions.append(run_of(held.task, held.blob))
        return actions

    def finish(self, held: Lease) -> None:
        """It has an outcome. There may have been another one before."""
        if held.state is not LeaseState.FINISHED:
            held.state = LeaseState.FINISHED
            self.unfinished -= 1

    def end_plain(self, tokens: Iterable[bytes]) -> list[Lease]:
        """Forget those that have outcomes and no files, and return the others."""
        finished, others = LeaseState.FINISHED, []  # a constant of an enumeration takes long to find
        for token in tokens:
            if (held := self.get(token)) is None:
                continue
            if held.state is finished and not held.outputs:
                del self[token]
            else:
                others.append(held)
        return others

    def end(self, held: Lease) -> list[Action]:
        """Forget it."""
        del self[held.token]
        files = self.let_go(held) if held.outputs or held.pull is not None else []
        if held.state is LeaseState.FINISHED:
            return files
        self.unfinished -= 1
        return [Abandon(held.token), *files] if held.in_work else files

    def let_go(self, held: Lease) -> list[Action]:
        """Give up its files."""
        actions = closing(held.outputs.values())
        if held.pull is not None:
            del self._pulling[held.blob]
            actions.append(Discard(held.blob))
        held.outputs, held.pull = {}, None
        return actions
