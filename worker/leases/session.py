"""A worker's conversation with its broker, without the socket and without files.

It opens with the RFC's READY. A HELLO in answer means our own broker, and the PPX profile. A request without one means
somebody else's Paranoid Pirate queue, and the basic profile: one reply for each request, READY again while threads are
free, and silence when none is, because such a queue takes any message for readiness. state.py has the table of a
lease's states.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, cast

from filterfleet.common import wire
from filterfleet.common.errors import ProtocolError
from filterfleet.common.payload import OpenFile, Payload
from filterfleet.common.wire.actions import Discard, Open, Send, Store
from filterfleet.common.wire.gets import Gets
from filterfleet.common.wire.link import Link
from filterfleet.common.wire.liveness import Randomness
from filterfleet.common.wire.messages import INLINE_LIMIT, LEASES_LIMIT
from filterfleet.common.wire.pull import Pull
from filterfleet.worker.done import Done
from filterfleet.worker.leases.actions import Abandon, Action, Profile, ReadBlob, Run, SendFrames
from filterfleet.worker.leases.settings import CROWD, RESEND
from filterfleet.worker.leases.state import Lease, LeaseState, closing


class WorkerSession:
    """Call start() once, then on_message() for what arrives, on_begun(), on_result() and on_failed() for what the shell
    runs, and on_tick() at deadline() at the latest. Answer each Store with on_stored() or on_unstorable(). While there
    are gets, call answer() when there is room for a part of an output."""

    def __init__(self, profile: Profile, rng: Randomness) -> None:
        self.profile = profile
        self.draining = False
        self._rng = rng
        self._leases: dict[bytes, Lease] = {}
        self._last_blob = 0
        self.gets = Gets()
        self._extended = False
        self._session = b""
        self._inline_limit = INLINE_LIMIT
        self._link = Link()
        self._actions: list[Action] = []
        self._handlers: dict[type, Callable[[Any, float], None]] = {
            wire.Hello: self._on_hello,
            wire.Task: self._on_task,
            wire.Cancel: self._on_forget,
            wire.ResultOk: self._on_forget,
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
        return CROWD * self.profile.slots

    def start(self, now: float) -> list[Action]:
        self._open(now)
        return self._take()

    def on_begun(self, lease: bytes) -> list[Action]:
        """A thread works on the task. Saying so twice does no harm."""
        held = self._leases.get(lease)
        if held is not None and held.state is LeaseState.HANDED_OVER:
            held.state = LeaseState.BEGUN
            if held.alone:  # the broker must know that the process dies of this task from now on, if it dies
                self._beat()
        return self._take()

    def on_result(self, lease: bytes, done: Done, now: float) -> list[Action]:
        """The task is done. The outputs are closed when its lease has become void meanwhile."""
        held = self._leases.get(lease)
        if held is None or not held.in_work:
            self._actions += closing(done.blobs)
            return self._take()
        if done.left:
            self._finish(held, wire.Result(lease, done.outputs, done.report, left=done.left), now)
            return self._take()
        in_memory = not any(isinstance(blob, OpenFile) for blob in done.blobs)
        inline = in_memory and (held.opaque or sum(map(len, done.blobs)) <= self._inline_limit)
        if not inline:
            held.outputs = {output.name: blob for output, blob in zip(done.outputs, done.blobs, strict=True)}
        self._finish(held, wire.Result(lease, done.outputs, done.report, done.blobs if inline else ()), now)
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
            self._begin_pull(held, held.task.size, now)
        return self._take()

    def on_unreadable(self, lease: bytes, reason: str, now: float) -> list[Action]:
        """An output cannot be read any more: the task has failed after all, for now."""
        held = self._leases.get(lease)
        if held is not None and held.outputs:
            self._actions += held.let_go()
            self._finish(held, wire.Failed(lease, "transient", reason[:2000]), now)
        return self._take()

    def on_stored(self, blob: int, offset: int, now: float) -> list[Action]:
        """The shell has stored this part."""
        held = self._pulled_into(blob)
        if held is None or held.pull is None:
            self._actions.append(Discard(blob))  # nobody needs it any more
        else:
            held.pull.stored(offset)
            self._pull(held, held.pull, now)
        return self._take()

    def on_unstorable(self, blob: int, error: str, now: float) -> list[Action]:
        """The shell could not store a part of this blob. error is what the system says of it."""
        held = self._pulled_into(blob)
        if held is None:
            self._actions.append(Discard(blob))
        else:
            self._actions += held.let_go()
            reason = f"The worker cannot keep the image on its disk: {error} ($TMPDIR)."
            self._finish(held, wire.Failed(held.token, "transient", reason), now)
        return self._take()

    def drain(self, _now: float) -> list[Action]:
        """Take no more work. What is leased will be finished and delivered."""
        self.draining = True
        if self._extended:
            self._send(wire.Drain())
        return self._take()

    def hand_back(self, _now: float) -> list[Action]:
        """Give up at once everything that is not finished. Nobody is to blame for it."""
        for held in [held for held in self._leases.values() if held.state is not LeaseState.FINISHED]:
            self._end(held)
            if self._extended:
                self._send(wire.Nack(held.token))
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
        if self._silence_is_due:
            self._link.heard(now)
        if self._link.silent(now):
            self._give_up(now)
            return self._take()
        if self._link.beats(now):
            self._beat()
        for held in self._leases.values():
            if held.pull is not None:
                self._pull(held, held.pull, now)
            elif held.outcome is not None and held.resend_at <= now:
                held.resend_at = now + RESEND
                self._send(held.outcome)
        return self._take()

    def deadline(self) -> float:
        return self._link.deadline

    # --- inside ----

    @property
    def _silence_is_due(self) -> bool:
        """Somebody else's queue sends heartbeats only to available workers, and we are not available."""
        return not self._extended and len(self._leases) >= self.profile.threads

    @property
    def _crowded(self) -> bool:
        unfinished = sum(held.state is not LeaseState.FINISHED for held in self._leases.values())
        return unfinished >= self.most_unfinished or len(self._leases) >= LEASES_LIMIT

    def _take(self) -> list[Action]:
        actions, self._actions = self._actions, []
        return actions

    def _send(self, message: wire.Message) -> None:
        self._actions.append(Send(message))

    def _open(self, now: float) -> None:
        """Meet a dead broker on a new socket under a new routing id, as the RFC has it."""
        self._extended = False
        self._session = b""
        self._link.opened(now)
        self._actions.append(Open(wire.new_identity(self._rng)))
        self._actions.append(SendFrames((wire.READY,)))

    def _beat(self) -> None:
        if self._extended:
            waiting = [held.token for held in self._leases.values() if held.state is LeaseState.HANDED_OVER]
            self._send(wire.Beat(self._session, tuple(self._leases), tuple(waiting)))
        elif len(self._leases) < self.profile.threads and not self.draining:
            self._actions.append(SendFrames((wire.HEARTBEAT,)))

    def _give_up(self, now: float) -> None:
        self._void_leases()
        self._link.breaks(now)

    def _void_leases(self) -> None:
        """The broker knows nothing of them any more, so their outcomes are worth nothing."""
        for held in list(self._leases.values()):
            self._end(held)

    def _end(self, held: Lease) -> None:
        """Forget a lease."""
        del self._leases[held.token]
        self.gets.forget(held.token)
        if held.in_work:
            self._actions.append(Abandon(held.token))
        self._actions += held.let_go()

    def _on_request(self, request: wire.Envelope) -> None:
        """The basic profile: somebody else's queue sends the body of a client that we know nothing about."""
        if self._crowded:
            return  # its client asks again
        token = self._rng.randbytes(16)
        self._leases[token] = Lease(token, LeaseState.HANDED_OVER, opaque=True, stack=request.stack)
        self._actions.append(Run(token, b"", _joined(request.body), 0.0, opaque=True))
        if len(self._leases) < self.profile.threads and not self.draining:
            self._actions.append(SendFrames((wire.READY,)))

    def _run(self, task: wire.Task, image: Payload | int) -> None:
        self._actions.append(Run(task.id, task.recipe, image, task.timeout, task.opaque, task.alone))

    def _on_hello(self, hello: wire.Hello, now: float) -> None:
        self._inline_limit = hello.inline_limit
        self._link.agreed(hello.interval, hello.missed, now)
        if not self._extended or hello.session != self._session:
            self._extended = True
            self._session = hello.session
            self._void_leases()
        profile = self.profile
        self._send(wire.Credit(profile.slots, profile.threads, profile.filters, profile.host, profile.version))
        if self.draining:
            self._send(wire.Drain())

    def _on_task(self, task: wire.Task, now: float) -> None:
        if task.id in self._leases:
            return
        if self.draining:
            self._send(wire.Nack(task.id))
            self._send(wire.Drain())  # the task crossed the first one on its way, or the first one was lost
            return
        if self._crowded:
            self._send(wire.Nack(task.id))
            return
        held = Lease(task.id, LeaseState.HANDED_OVER, task, task.opaque, task.alone)
        self._leases[task.id] = held
        if task.size > self.profile.largest_image:
            limit = self.profile.largest_image
            reason = f"The file has {task.size} bytes; this worker takes at most {limit}."
            self._finish(held, wire.Failed(task.id, "permanent", reason), now)
        elif task.payload or task.size == 0:
            self._run(task, _joined(task.payload))
        elif task.reference and self.profile.shares and not task.opaque:
            run = Run(task.id, task.recipe, b"", task.timeout, alone=task.alone, reference=task.reference)
            self._actions.append(run)
        else:
            self._begin_pull(held, task.size, now)

    def _begin_pull(self, held: Lease, size: int, now: float) -> None:
        held.state = LeaseState.PULLING
        held.pull = Pull(size)
        held.blob = self._last_blob = self._last_blob + 1
        self._pull(held, held.pull, now)

    def _pulled_into(self, blob: int) -> Lease | None:
        return next((held for held in self._leases.values() if held.pull is not None and held.blob == blob), None)

    def _pull(self, held: Lease, pull: Pull, now: float) -> None:
        for offset, length in pull.requests(now):
            self._send(wire.Get(held.token, "", offset, length))
        if pull.complete:
            assert held.task is not None
            held.state = LeaseState.HANDED_OVER
            held.pull = None
            self._run(held.task, held.blob)
            if held.alone:  # the broker must know that the pull is over
                self._beat()

    def _on_data(self, data: wire.Data, _now: float) -> None:
        held = self._leases.get(data.id)
        part = data.payload[0]
        if held is not None and held.pull is not None and held.pull.take(data.offset, len(part)):
            self._actions.append(Store(held.blob, data.offset, part))

    def _on_get(self, get: wire.Get, _now: float) -> None:
        held = self._leases.get(get.id)
        if held is not None and get.blob in held.outputs:
            self.gets.add(get)

    def _finish(self, held: Lease, outcome: wire.Result | wire.Failed, now: float) -> None:
        held.state = LeaseState.FINISHED
        if held.stack:
            self._end(held)
            self._link.heard(now)
            if isinstance(outcome, wire.Result):
                answer = cast("tuple[Payload, ...]", outcome.payload)  # such a request wants it in one message
                self._actions.append(SendFrames((*held.stack, b"", *answer)))
            return
        held.outcome = outcome
        held.resend_at = now + RESEND
        self._send(outcome)

    def _on_forget(self, message: wire.Cancel | wire.ResultOk, _now: float) -> None:
        if (held := self._leases.get(message.id)) is not None:
            self._end(held)


def _joined(body: tuple[Payload, ...]) -> Payload:
    return body[0] if len(body) == 1 else b"".join(body)
