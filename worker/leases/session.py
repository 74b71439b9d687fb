"""A worker's conversation with its broker, without the socket.

It opens with the RFC's READY. A HELLO in answer means our own broker, and the PPX profile; a request
without one means somebody else's Paranoid Pirate queue, and the basic profile: one reply a request, READY
again while slots are free, and silence when there are none (such a queue takes any message for readiness).
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from filterfleet.common.blob import Blob, FileBlob
from filterfleet.common.errors import ProtocolError
from filterfleet.common.wire import (
    HEARTBEAT,
    READY,
    Beat,
    Cancel,
    Credit,
    Data,
    Drain,
    Envelope,
    Failed,
    Get,
    Heartbeat,
    Hello,
    Message,
    Nack,
    Payload,
    Ready,
    Result,
    ResultOk,
    Task,
    new_identity,
    parse,
)
from filterfleet.common.wire.link import Link
from filterfleet.common.wire.liveness import Randomness
from filterfleet.common.wire.messages import INLINE_LIMIT, LEASES_LIMIT
from filterfleet.common.wire.pull import Pull
from filterfleet.worker.done import Done

CROWD = 4  # times its slots: what a worker holds unfinished at most, whatever its broker believes
RESEND = 10.0  # seconds until a result that nobody acknowledged is sent again


@dataclass(frozen=True, slots=True)
class Profile:
    """What this worker offers. prefetch is how many tasks it holds beyond those its threads run."""

    threads: int
    prefetch: int
    filters: tuple[str, ...]
    host: str
    version: str
    largest_image: int  # bytes of an image file it takes

    @property
    def slots(self) -> int:
        return self.threads + self.prefetch


# --- actions: what the shell does, in order ----


@dataclass(frozen=True, slots=True)
class Open:
    """Close the socket, if there is one, and connect a new one under this routing id."""

    identity: bytes


@dataclass(frozen=True, slots=True)
class Send:
    message: Message


@dataclass(frozen=True, slots=True)
class SendFrames:
    frames: tuple[Payload, ...]


@dataclass(frozen=True, slots=True)
class Run:
    """Process this image. An opaque task carries the body of a basic client, and wants one blob back; nothing else
    may run in this process beside one that is to be alone."""

    lease: bytes
    recipe: bytes
    image: Blob
    timeout: float
    opaque: bool = False
    alone: bool = False


@dataclass(frozen=True, slots=True)
class Abandon:
    """Do not begin this task, or drop what comes of it."""

    lease: bytes


@dataclass(frozen=True, slots=True)
class ReadBlob:
    """Read this part of an output and send it as DATA; if that fails, say so with on_unreadable()."""

    get: Get
    blob: Blob


Action = Open | Send | SendFrames | Run | Abandon | ReadBlob


class _State(enum.Enum):
    PULLING = 1  # the image is on its way
    HANDED_OVER = 2  # the shell has it
    BEGUN = 3  # the shell has told us that a thread works on it
    FINISHED = 4  # the outcome is on its way to the broker, at resend_at once more


@dataclass(slots=True, eq=False)
class _Lease:
    token: bytes
    state: _State
    task: Task | None = None
    opaque: bool = False
    alone: bool = False
    stack: tuple[bytes, ...] = ()  # of a basic request
    pull: Pull[FileBlob] | None = None
    outcome: Message | None = None
    blobs: dict[str, Blob] = field(default_factory=dict)  # outputs that are pulled from us
    resend_at: float = 0.0

    @property
    def in_work(self) -> bool:
        return self.state in (_State.HANDED_OVER, _State.BEGUN)


class WorkerSession:
    """Call start() once, then on_message() for what arrives, on_result() or on_failed() for what the shell has run,
    and on_tick() at deadline() at the latest.

    new_file gives an empty file for each image that is pulled; it may raise OSError, and so may writing to it.
    """

    def __init__(self, profile: Profile, rng: Randomness, new_file: Callable[[], FileBlob]) -> None:
        self.profile = profile
        self.draining = False
        self._rng = rng
        self._new_file = new_file
        self._leases: dict[bytes, _Lease] = {}
        self._extended = False
        self._session = b""
        self._inline_limit = INLINE_LIMIT
        self._link = Link()
        self._actions: list[Action] = []
        self._handlers: dict[type, Callable[[Any, float], None]] = {
            Hello: self._on_hello,
            Task: self._on_task,
            Cancel: self._on_forget,
            ResultOk: self._on_forget,
            Get: self._on_get,
            Data: self._on_data,
        }

    # --- the shell's side ----

    @property
    def idle(self) -> bool:
        """Nothing is leased, and every outcome has been taken over by the broker."""
        return not self._leases

    @property
    def most_unfinished(self) -> int:
        """A broker that follows CREDIT is ahead of us by the CANCELs that were lost, and never by so many."""
        return CROWD * self.profile.slots

    def start(self, now: float) -> list[Action]:
        self._open(now)
        return self._take()

    def on_begun(self, lease: bytes) -> list[Action]:
        """A thread works on the task; telling it twice does no harm."""
        held = self._leases.get(lease)
        if held is not None and held.state is _State.HANDED_OVER:
            held.state = _State.BEGUN
            if held.alone:  # from now on its process dies of it and of nothing else: the broker is to know
                self._beat()
        return self._take()

    def on_result(self, lease: bytes, done: Done, now: float) -> list[Action]:
        """The task is done. Nothing happens if its lease has become void in the meantime."""
        held = self._leases.get(lease)
        if held is not None and held.in_work:
            in_memory = not any(isinstance(blob, FileBlob) for blob in done.blobs)
            inline = in_memory and (sum(len(blob) for blob in done.blobs) <= self._inline_limit or held.opaque)
            if not inline:
                held.blobs = {output.name: blob for output, blob in zip(done.outputs, done.blobs, strict=True)}
            self._finish(held, Result(lease, done.outputs, done.report, done.blobs if inline else ()), now)
        return self._take()

    def on_failed(self, lease: bytes, kind: Literal["permanent", "transient"], reason: str, now: float) -> list[Action]:
        """The task failed; a permanent failure would be the same anywhere and at any time."""
        held = self._leases.get(lease)
        if held is not None and held.in_work:
            self._finish(held, Failed(lease, kind, reason[:2000]), now)
        return self._take()

    def on_unreadable(self, lease: bytes, reason: str, now: float) -> list[Action]:
        """An output cannot be read any more: the task has failed after all, for now."""
        held = self._leases.get(lease)
        if held is not None and held.blobs:
            held.blobs = {}
            self._finish(held, Failed(lease, "transient", reason[:2000]), now)
        return self._take()

    def drain(self, _now: float) -> list[Action]:
        """Take no more work; what is leased will be finished and delivered."""
        self.draining = True
        if self._extended:
            self._send(Drain())
        return self._take()

    def hand_back(self, _now: float) -> list[Action]:
        """Give up everything that is not finished, at once; nobody is to blame for it."""
        for held in [held for held in self._leases.values() if held.state is not _State.FINISHED]:
            del self._leases[held.token]
            self._actions.append(Abandon(held.token))
            if self._extended:
                self._send(Nack(held.token))
        return self._take()

    # --- the wire's side ----

    def on_message(self, frames: list[Payload], now: float) -> list[Action]:
        """A message from the broker. Raises ProtocolError on any other; what came before it in the same multipart
        message has been done, and its actions come with the next call."""
        if self._link.broken:
            return []  # too late: this socket has been given up
        parsed = parse(frames, extended=True)
        if isinstance(parsed, Ready) or (isinstance(parsed, Envelope) and not parsed.stack):
            raise ProtocolError("a broker does not send this to a worker")
        self._link.heard(now)
        if isinstance(parsed, Envelope):
            self._on_request(parsed)
        elif not isinstance(parsed, Heartbeat):
            for message in parsed:
                handler = self._handlers.get(type(message))
                if handler is None:
                    raise ProtocolError(f"a worker does not receive {type(message).__name__.upper()}")
                handler(message, now)
        return self._take()

    def on_refused(self, now: float) -> list[Action]:
        """The broker does not let this socket in: try another after a pause."""
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
                self._pull(held, now)
            elif held.outcome is not None and held.resend_at <= now:
                held.resend_at = now + RESEND
                self._send(held.outcome)
        return self._take()

    def deadline(self) -> float:
        return self._link.deadline

    # --- inside ----

    @property
    def _silence_is_due(self) -> bool:
        """Somebody else's queue sends heartbeats to available workers only, and we are not."""
        return not self._extended and len(self._leases) >= self.profile.threads

    @property
    def _crowded(self) -> bool:
        unfinished = sum(held.state is not _State.FINISHED for held in self._leases.values())
        return unfinished >= self.most_unfinished or len(self._leases) >= LEASES_LIMIT

    def _take(self) -> list[Action]:
        actions, self._actions = self._actions, []
        return actions

    def _send(self, message: Message) -> None:
        self._actions.append(Send(message))

    def _open(self, now: float) -> None:
        """A dead broker is met again on a new socket under a new routing id, as the RFC has it."""
        self._extended = False
        self._session = b""
        self._link.opened(now)
        self._actions.append(Open(new_identity(self._rng)))
        self._actions.append(SendFrames((READY,)))

    def _beat(self) -> None:
        if self._extended:
            waiting = [held.token for held in self._leases.values() if held.state is _State.HANDED_OVER]
            self._send(Beat(self._session, tuple(self._leases), tuple(waiting)))
        elif len(self._leases) < self.profile.threads and not self.draining:
            self._actions.append(SendFrames((HEARTBEAT,)))

    def _give_up(self, now: float) -> None:
        self._void_leases()
        self._link.breaks(now)

    def _void_leases(self) -> None:
        """The broker knows nothing of them any more: what comes of them is worth nothing."""
        for held in self._leases.values():
            if held.in_work:
                self._actions.append(Abandon(held.token))
        self._leases.clear()

    def _on_request(self, request: Envelope) -> None:
        """The basic profile: somebody else's queue sends the body of a client we know nothing about."""
        if self._crowded:
            return  # its client asks again
        token = self._rng.randbytes(16)
        self._leases[token] = _Lease(token, _State.HANDED_OVER, opaque=True, stack=request.stack)
        self._actions.append(Run(token, b"", _joined(request.body), 0.0, opaque=True))
        if len(self._leases) < self.profile.threads and not self.draining:
            self._actions.append(SendFrames((READY,)))

    def _run(self, task: Task, image: Blob) -> None:
        self._actions.append(Run(task.id, task.recipe, image, task.timeout, task.opaque, task.alone))

    def _on_hello(self, hello: Hello, now: float) -> None:
        self._inline_limit = hello.inline_limit
        self._link.agreed(hello.interval, hello.missed, now)
        if not self._extended or hello.session != self._session:
            self._extended = True
            self._session = hello.session
            self._void_leases()
        profile = self.profile
        self._send(Credit(profile.slots, profile.threads, profile.filters, profile.host, profile.version))
        if self.draining:
            self._send(Drain())

    def _on_task(self, task: Task, now: float) -> None:
        if task.id in self._leases:
            return
        if self.draining:
            self._send(Nack(task.id))
            self._send(Drain())  # it crossed the first one, or that was lost
            return
        if self._crowded:
            self._send(Nack(task.id))
            return
        if task.size > self.profile.largest_image:
            limit = self.profile.largest_image
            reason = f"The file has {task.size} bytes; this worker takes at most {limit}."
            self._leases[task.id] = held = _Lease(task.id, _State.HANDED_OVER)
            self._finish(held, Failed(task.id, "permanent", reason), now)
        elif task.payload or task.size == 0:
            self._leases[task.id] = _Lease(task.id, _State.HANDED_OVER, opaque=task.opaque, alone=task.alone)
            self._run(task, _joined(task.payload))
        else:
            self._leases[task.id] = held = _Lease(task.id, _State.PULLING, task=task, alone=task.alone)
            try:
                held.pull = Pull(task.size, self._new_file())
            except OSError as error:
                self._no_room(held, error, now)
                return
            self._pull(held, now)

    def _no_room(self, held: _Lease, error: OSError, now: float) -> None:
        held.pull = None
        reason = f"The worker cannot keep the image on its disk: {error.strerror} ($TMPDIR)."
        self._finish(held, Failed(held.token, "transient", reason), now)

    def _pull(self, held: _Lease, now: float) -> None:
        assert held.pull is not None
        assert held.task is not None
        for offset, length in held.pull.requests(now):
            self._send(Get(held.token, "", offset, length))
        if held.pull.complete:
            held.state = _State.HANDED_OVER
            image, held.pull = held.pull.sink, None
            self._run(held.task, image)
            if held.alone:  # the broker is to know that what comes now is no longer the pull
                self._beat()

    def _on_data(self, data: Data, now: float) -> None:
        held = self._leases.get(data.id)
        if held is not None and held.pull is not None:
            try:
                held.pull.store(data.offset, data.payload[0])
            except OSError as error:
                self._no_room(held, error, now)
                return
            self._pull(held, now)

    def _on_get(self, get: Get, _now: float) -> None:
        held = self._leases.get(get.id)
        if held is not None and get.blob in held.blobs:
            self._actions.append(ReadBlob(get, held.blobs[get.blob]))

    def _finish(self, held: _Lease, outcome: Result | Failed, now: float) -> None:
        if held.stack:
            del self._leases[held.token]
            self._link.heard(now)
            if isinstance(outcome, Result):
                answer = cast("tuple[Payload, ...]", outcome.payload)  # such a request wants it in one message
                self._actions.append(SendFrames((*held.stack, b"", *answer)))
            return
        held.state = _State.FINISHED
        held.outcome = outcome
        held.resend_at = now + RESEND
        self._send(outcome)

    def _on_forget(self, message: Cancel | ResultOk, _now: float) -> None:
        held = self._leases.pop(message.id, None)
        if held is not None and held.in_work:
            self._actions.append(Abandon(held.token))


def _joined(body: tuple[Payload, ...]) -> Payload:
    return body[0] if len(body) == 1 else b"".join(body)
