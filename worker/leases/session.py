"""A worker's conversation with its broker, without the socket and without files.

It opens with the RFC's READY. A HELLO in answer means our own broker, and the PPX profile. A request without one means
somebody else's Paranoid Pirate queue, and the basic profile: one reply for each request, READY again while threads are
free, and silence when none is, because such a queue takes any message for readiness.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal, cast

from filterfleet.common import wire
from filterfleet.common.errors import ProtocolError
from filterfleet.common.payload import Payload
from filterfleet.common.wire import columns
from filterfleet.common.wire.actions import Discard, Open, Send
from filterfleet.common.wire.gets import Gets
from filterfleet.common.wire.link import Link
from filterfleet.common.wire.liveness import Randomness
from filterfleet.common.wire.messages import INLINE_LIMIT
from filterfleet.worker.done import Done
from filterfleet.worker.leases.actions import Action, Profile, ReadBlob, Run, SendFrames, joined, run_of
from filterfleet.worker.leases.holding import Holding
from filterfleet.worker.leases.outcomes import Outcomes, result_of
from filterfleet.worker.leases.pace import SMALL, Pace
from filterfleet.worker.leases.settings import CROWD
from filterfleet.worker.leases.state import Lease, LeaseState, closing


class WorkerSession:
    """Call start() once, then on_message() for what arrives, on_begun(), on_worked(), on_result() and on_failed() for
    what the shell runs, and on_tick() at deadline() at the latest. Only on_tick() sends outcomes, so that many of them
    travel together. Answer each Store with on_stored() or on_unstorable(). While there are gets, call answer() when
    there is room for a part of an output."""

    def __init__(self, profile: Profile, rng: Randomness) -> None:
        self.profile = profile
        self.draining = False
        self._rng = rng
        self._leases = Holding()
        self._outcomes = Outcomes()
        self._pace = Pace(profile)
        self.gets = Gets()
        self._extended = self._columns = False  # whether the broker is ours, and whether it understands columns
        self._session = b""
        self._inline_limit = INLINE_LIMIT
        self._link = Link()
        self._actions: list[Action] = []
        self._handlers: dict[type, Callable[[Any, float], None]] = {
            wire.Hello: self._on_hello,
            wire.Task: self._on_task,
            wire.Tasks: self._on_tasks,
            wire.Cancel: lambda message, _now: self._forget((message.id,)),
            wire.ResultOk: lambda message, _now: self._forget((message.id,)),
            wire.ResultOks: lambda message, _now: self._forget(message.ids),
            wire.Get: self._on_get,
            wire.Data: self._on_data,
        }

    # --- the shell's side ----

    @property
    def idle(self) -> bool:
        """Nothing is leased, and the broker has taken over every outcome."""
        return not self._leases

    @property
    def most_unfinished(self) -> int:
        """How many leases it holds at most without an outcome."""
        return CROWD * self._pace.slots

    def start(self, now: float) -> list[Action]:
        self._open(now)
        return self._take()

    def on_begun(self, lease: bytes, since: float) -> list[Action]:
        """A thread has worked on the task since that instant. Saying so twice does no harm."""
        held = self._leases.get(lease)
        if held is not None and held.state is LeaseState.HANDED_OVER:
            held.state = LeaseState.BEGUN
            held.begun_at = since
            if held.alone:  # the broker must know that the process dies of this task from now on, if it dies
                self._beat()
        return self._take()

    def on_worked(self, tasks: int, seconds: float) -> None:
        """Threads have spent this time on this number of tasks."""
        self._pace.worked(tasks, seconds)

    def on_result(self, lease: bytes, done: Done, now: float) -> list[Action]:
        """The task is done. The outputs are closed when its lease has become void meanwhile."""
        held = self._leases.get(lease)
        if held is not None and held.in_work:
            self._finish(held, result_of(held, done, self._inline_limit), now)
        else:
            self._actions += closing(done.blobs)
        return self._take()

    def on_failed(self, lease: bytes, kind: Literal["permanent", "transient"], reason: str, now: float) -> list[Action]:
        """The task failed. A permanent failure would be the same anywhere and at any time."""
        held = self._leases.get(lease)
        if held is not None and held.in_work:
            self._finish(held, wire.Failed(lease, kind, reason[:2000]), now)
        return self._take()

    def on_not_shared(self, lease: bytes, now: float) -> list[Action]:
        """The image cannot be had from the share that its task names."""
        held = self._leases.get(lease)
        if held is not None and held.in_work and held.task is not None:
            self._leases.pull(held, held.task.size)
            self._pull(held, now)
        return self._take()

    def on_unreadable(self, lease: bytes, reason: str, now: float) -> list[Action]:
        """An output cannot be read any more: the task has failed after all, for now."""
        held = self._leases.get(lease)
        if held is not None and held.outputs:
            self._actions += self._leases.let_go(held)
            self._outcomes.forget((lease,))
            self._finish(held, wire.Failed(lease, "transient", reason[:2000]), now)
        return self._take()

    def on_stored(self, blob: int, offset: int, now: float) -> list[Action]:
        """The shell has stored this part."""
        held = self._leases.pulling_into(blob)
        if held is None or held.pull is None:
            self._actions.append(Discard(blob))  # nobody needs it any more
        else:
            held.pull.stored(offset)
            self._pull(held, now)
        return self._take()

    def on_unstorable(self, blob: int, error: str, now: float) -> list[Action]:
        """The shell could not store a part of this blob. error is what the system says of it."""
        held = self._leases.pulling_into(blob)
        if held is None:
            self._actions.append(Discard(blob))
        else:
            self._actions += self._leases.let_go(held)
            reason = f"The worker cannot keep the image on its disk: {error} ($TMPDIR)."
            self._finish(held, wire.Failed(held.token, "transient", reason), now)
        return self._take()

    def drain(self, _now: float) -> list[Action]:
        """Take no more work. What is leased will be finished and delivered."""
        self.draining = True
        if self._extended:
            self._send(wire.Drain())
        return self._take()

    def hand_back(self, now: float) -> list[Action]:
        """Give up at once everything that is not finished. Nobody is to blame for it."""
        self._send_outcomes(now)
        self._give_back([held for held in self._leases.values() if held.state is not LeaseState.FINISHED])
        return self._take()

    def answer(self) -> list[Action]:
        """There is room for one more part of an output on the way to the broker."""
        get = self.gets.next()
        held = self._leases.get(get.id) if get is not None else None
        return [ReadBlob(get, held.outputs[get.blob])] if get and held and get.blob in held.outputs else []

    # --- the wire's side ----

    def on_message(self, frames: list[Payload], now: float) -> list[Action]:
        """A message from the broker. Raises ProtocolError on any other. The messages before it in the same multipart
        message have been handled then, and their actions come with the next call."""
        if self._link.broken:
            return []  # too late: this socket has been given up
        parsed = wire.parse(frames, extended=True)
        if isinstance(parsed, wire.Ready) or (isinstance(parsed, wire.Envelope) and not parsed.stack):
            raise ProtocolError("a broker does not send this to a worker")
        self._link.heard(now)
        if isinstance(parsed, wire.Envelope):
            self._on_request(parsed)
        elif not isinstance(parsed, wire.Heartbeat):
            for message in parsed:
                handler = self._handlers.get(type(message))
                if handler is None:
                    raise ProtocolError(f"a worker does not receive {message.NAME}")
                handler(message, now)
        return self._take()

    def on_refused(self, now: float) -> list[Action]:
        """The broker does not let this socket in: try another one after a pause."""
        if not self._link.broken:
            self._give_up(now)
        return self._take()

    def on_tick(self, now: float) -> list[Action]:
        if self._link.broken:
            if self._link.reopens(now):
                self._open(now)
            return self._take()
        if not self._extended and len(self._leases) >= self.profile.threads:
            self._link.heard(now)  # somebody else's queue sends heartbeats only to available workers
        if self._link.silent(now):
            self._give_up(now)
            return self._take()
        self._send_outcomes(now)
        if self._columns and self._pace.grows():  # an earlier broker would race every task that waits here
            self._send(self.profile.credit(self._pace.slots))
        if self._link.beats(now):
            self._review(now)
            self._beat()
        for held in self._leases.pulling:
            self._pull(held, now)
        return self._take()

    def deadline(self) -> float:
        """When to call on_tick(); at once when there are outcomes to send."""
        return self._link.deadline if self._link.broken else min(self._link.deadline, self._outcomes.due)

    # --- inside ----

    def _take(self) -> list[Action]:
        actions, self._actions = self._actions, []
        return actions

    def _send(self, message: wire.Message) -> None:
        self._actions.append(Send(message))

    def _open(self, now: float) -> None:
        """Meet a dead broker on a new socket under a new routing id, as the RFC has it."""
        self._extended = self._columns = False
        self._session = b""
        self._link.opened(now)
        self._actions += [Open(wire.new_identity(self._rng)), SendFrames((wire.READY,))]

    def _beat(self) -> None:
        if self._extended:
            waiting = tuple(held.token for held in self._leases.waiting)
            self._send(wire.Beat(self._session, tuple(self._leases), waiting))
        elif len(self._leases) < self.profile.threads and not self.draining:
            self._actions.append(SendFrames((wire.HEARTBEAT,)))

    def _give_up(self, now: float) -> None:
        self._forget([*self._leases])
        self._link.breaks(now)

    def _end(self, held: Lease) -> None:
        """Forget a lease."""
        if held.state is LeaseState.FINISHED:
            self._outcomes.forget((held.token,))
        if held.outputs:
            self.gets.forget(held.token)
        self._actions += self._leases.end(held)

    def _give_back(self, leases: Iterable[Lease]) -> None:
        """Let somebody else run them."""
        for held in leases:
            self._end(held)
            if self._extended:
                self._send(wire.Nack(held.token))

    def _review(self, now: float) -> None:
        """When tasks have become long, let others have those that wait here. The last one goes first, because each goes
        back to the head of its line."""
        if self._pace.shrinks(self._leases.running(now)):
            self._send(self.profile.credit(self._pace.slots))
            self._give_back(self._leases.beyond(self._pace.slots))

    def _send_outcomes(self, now: float) -> None:
        outcomes = self._outcomes.take(now)
        self._actions += map(Send, columns.gather(outcomes, self._inline_limit) if self._columns else outcomes)

    def _on_request(self, request: wire.Envelope) -> None:
        """The basic profile: somebody else's queue sends the body of a client that we know nothing about."""
        if self._leases.crowded(self.most_unfinished):
            return  # its client asks again
        token = self._rng.randbytes(16)
        self._leases.add(Lease(token, LeaseState.HANDED_OVER, opaque=True, stack=request.stack))
        self._actions.append(Run(token, b"", joined(request.body), 0.0, opaque=True))
        if len(self._leases) < self.profile.threads and not self.draining:
            self._actions.append(SendFrames((wire.READY,)))

    def _on_hello(self, hello: wire.Hello, now: float) -> None:
        self._inline_limit = hello.inline_limit
        self._link.agreed(hello.interval, hello.missed, now)
        if not self._extended or hello.session != self._session:
            self._extended, self._columns, self._session = True, hello.minor >= 1, hello.session
            self._pace = Pace(self.profile)
            self._forget([*self._leases])  # the broker knows nothing of them, so their outcomes are worth nothing
        self._send(self.profile.credit(self._pace.slots))
        if self.draining:
            self._send(wire.Drain())

    def _on_tasks(self, tasks: wire.Tasks, now: float) -> None:
        """All together when nothing is in the way of any of them, and otherwise one by one."""
        small = max(tasks.sizes) <= min(SMALL, self.profile.largest_image)
        free = not self.draining and not self._leases.crowded(self.most_unfinished, len(tasks.ids))
        if small and free and self._leases.keys().isdisjoint(tasks.ids):
            self._pace.came(len(tasks.ids), sum(tasks.sizes))
            self._actions += self._leases.add_all(tasks)
        else:
            for task in columns.tasks(tasks):
                self._on_task(task, now)

    def _on_task(self, task: wire.Task, now: float) -> None:
        self._pace.came(1, task.size)
        if task.id in self._leases:
            return
        if self.draining or self._leases.crowded(self.most_unfinished):
            self._send(wire.Nack(task.id))
            if self.draining:
                self._send(wire.Drain())  # the task crossed the first one on its way, or the first one was lost
            return
        held = Lease(task.id, LeaseState.HANDED_OVER, task, task.opaque, task.alone)
        self._leases.add(held)
        if (limit := self.profile.largest_image) < task.size:
            reason = f"The file has {task.size} bytes; this worker takes at most {limit}."
            self._finish(held, wire.Failed(task.id, "permanent", reason), now)
        elif task.payload or task.size == 0 or (task.reference and self.profile.shares):
            self._actions.append(run_of(task, joined(task.payload)))
        else:
            self._leases.pull(held, task.size)
            self._pull(held, now)
        if task.size > SMALL:
            self._review(now)

    def _pull(self, held: Lease, now: float) -> None:
        self._actions += self._leases.pull_on(held, now)
        if held.alone and held.pull is None:  # the broker must know that the pull is over
            self._beat()

    def _on_data(self, data: wire.Data, _now: float) -> None:
        if (store := self._leases.take(data)) is not None:
            self._actions.append(store)

    def _on_get(self, get: wire.Get, _now: float) -> None:
        held = self._leases.get(get.id)
        if held is not None and get.blob in held.outputs:
            self.gets.add(get)

    def _finish(self, held: Lease, outcome: wire.Result | wire.Failed, now: float) -> None:
        self._leases.finish(held)
        if held.stack:
            self._end(held)
            self._link.heard(now)
            if isinstance(outcome, wire.Result):
                answer = cast("tuple[Payload, ...]", outcome.payload)  # such a request wants it in one message
                self._actions.append(SendFrames((*held.stack, b"", *answer)))
            return
        self._outcomes.add(held.token, outcome)

    def _forget(self, leases: Sequence[bytes]) -> None:
        self._outcomes.forget(leases)
        for held in self._leases.end_plain(leases):
            self._end(held)
