"""The client of a broker: submit images from any thread, get a future for each outcome."""

from __future__ import annotations

import collections
import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Self, TypeVar

import zmq
from msgspec.structs import replace

from filterfleet.common import wire
from filterfleet.common.blob import BlobStore
from filterfleet.common.client.actions import Action, Deliver, ReadBlob, Tell
from filterfleet.common.client.brokers import addresses, hosts
from filterfleet.common.client.core import ClientCore
from filterfleet.common.client.lack import UNTOLD
from filterfleet.common.client.look import Look
from filterfleet.common.client.outcome import Outcome
from filterfleet.common.client.reach import Reach
from filterfleet.common.client.settings import LINGER, TURN
from filterfleet.common.errors import FleetError, SourceChangedError
from filterfleet.common.jobs.engine import ReadImage, read_part
from filterfleet.common.jobs.job import Job
from filterfleet.common.keys.folders import PeerKeys, Role, peer_keys
from filterfleet.common.payload import close
from filterfleet.common.process.wakeup import Wakeup
from filterfleet.common.wire.actions import Discard, Open, Send, Store
from filterfleet.common.wire.frames import poll
from filterfleet.common.wire.gets import AT_ONCE
from filterfleet.common.wire.messages import INLINE_LIMIT
from filterfleet.common.wire.peer import LOOK, PeerSocket
from filterfleet.common.words import Contact

T = TypeVar("T")


class Client:
    """The connection to a broker, on a thread of its own: the engine of a whole fleet.

    brokers: the name or the address of the broker's machine, or several of them with commas in between. The client uses
        the first one that answers, and goes to the next when that one falls silent.
    frontend_port: the port for clients of each of these brokers, 5555 unless they were given another.
    keys: the folder with a client's keys, for brokers that have keys.
    socket: makes the client's socket. Tests and benchmarks pass one that listens in.

    Raises FleetError for a name that cannot be one, and for keys that cannot be used. It does not wait for a broker:
    wait_connected() does. Every method may be called from any thread. Close the client, or use it as a context manager.
    """

    name = "cluster"
    inline_limit = INLINE_LIMIT  # bytes of images and outputs that travel in one message
    window = 256  # jobs under way at once that keep a fleet busy

    def __init__(
        self,
        brokers: str,
        frontend_port: int,
        keys: str | Path | None = None,
        socket: Callable[[PeerKeys | None], PeerSocket] = PeerSocket,
    ) -> None:
        self.catalogue = UNTOLD
        known = addresses(brokers, frontend_port)
        self._reach = Reach(known)
        self._socket = socket(peer_keys(Path(keys), Role.CLIENT) if keys else None)
        self._core = ClientCore(random.SystemRandom(), len(known))
        self._files = BlobStore()  # outputs on their way to us
        self._wakeup = Wakeup()
        self._poller = zmq.Poller()
        self._polled: zmq.Socket[bytes] | None = None  # the socket that the poller waits for
        self._calls: collections.deque[Callable[[float], list[Action]]] = collections.deque()
        self._submitted: collections.deque[Outcome] = collections.deque()
        self._acknowledged: collections.deque[bytes] = collections.deque()
        self._outcomes: dict[bytes, Outcome] = {}  # by job
        self._statuses: collections.deque[Future[dict[str, Any]]] = collections.deque()
        self._look = Look()
        self._closing = False
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="broker-client", daemon=True)
        self._thread.start()

    # --- for any thread ----

    def submit(self, job: Job, read: ReadImage | None = None) -> Future[wire.Result | wire.Failed]:
        """Begin a job. Its future gets the outcome: a Result with the outputs, or a Failed with the reason (both in
        common.wire). Call acknowledge() when you have kept the outcome, so that the fleet forgets it.

        job: its payload is the image file, of at most inline_limit bytes. The id of a job may be under way only once.
        read: for a larger file. Leave the payload empty; read(offset, length) returns that part of the file, and is
            called on the client's thread.

        A Result has the content of each output in its payload, in the order of its outputs. When these have more than
        inline_limit bytes together, each is a common.blob.FileBlob instead, which the caller closes.

        The future raises FleetError when the client is closed first, and SourceChangedError when read did. submit()
        raises FleetError on a closed client.
        """
        outcome = Outcome(job, read)
        self._submitted.append(outcome)
        if not self._wakeup.is_set:
            self._wake()
        return outcome

    def acknowledge(self, job: bytes) -> None:
        """Tell the broker that the outcome of the job with this id is safe here. Until then it repeats the outcome."""
        self._acknowledged.append(job)
        if not (self._wakeup.is_set or self._look.coming) or self._ended:
            self._wake()

    @property
    def contact(self) -> Contact:
        """The broker that this is connected to, or those that it tries to reach."""
        return self._reach.contact

    @property
    def refusal(self) -> str | None:
        """Why no broker lets us in, while all of them refuse."""
        return self._reach.refusal

    @property
    def refusals(self) -> str:
        """Why some brokers do not let us in: one sentence a line."""
        return self._reach.refusals

    def wait_connected(self, timeout: float) -> bool:
        """Wait for a broker, for at most timeout seconds. Returns whether one has answered."""
        return self._reach.wait(timeout)

    def status(self) -> Future[dict[str, Any]]:
        """The broker's report on itself and its fleet: the keys of STATUS in docs/protocol.md. A future without an
        answer waits until the client is closed, and then raises FleetError.
        """
        future: Future[dict[str, Any]] = Future()
        future.set_running_or_notify_cancel()

        def call(now: float) -> list[Action]:
            self._statuses.append(future)
            return self._core.request_status(now)

        self._call(call)
        return future

    def close(self) -> None:
        """Send everything that waits to be sent, then end. Futures without an outcome fail."""
        self._closing = True
        self._wakeup.set()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _call(self, call: Callable[[float], list[Action]]) -> None:
        self._calls.append(call)
        self._wake()

    def _wake(self) -> None:
        """There is something new for the client's own thread."""
        if self._ended:
            raise FleetError("The connection to the broker was closed.")
        self._wakeup.set()

    # --- the client's own thread ----

    def _run(self) -> None:
        try:
            self._execute(self._core.start(time.monotonic()))
            while not self._closing or self._has_news:
                self._turn()
            self._execute(self._core.flush())
        finally:  # whatever happens, nobody waits for ever
            self._end()

    def _end(self) -> None:
        self._ended = True
        self._socket.close(LINGER if self._reach.answered else 0.0)
        self._files.close()
        self._wakeup.close()
        closed = FleetError("The connection to the broker was closed.")
        for outcome in (*self._outcomes.values(), *self._submitted):  # before submit() finds the wake-up closed
            outcome.set_exception(closed)
        for status in self._statuses:
            status.set_exception(closed)

    def _turn(self) -> None:
        if (socket := self._socket.pollable) is not self._polled:
            self._poller = zmq.Poller()
            self._poller.register(self._wakeup.fileno(), zmq.POLLIN)
            self._poller.register(socket, zmq.POLLIN)
            self._polled = socket
        if self._wakeup.fileno() in poll(self._poller, self._patience()):
            self._wakeup.clear()
        actions = self._socket.receive(lambda frames: self._core.on_message(frames, time.monotonic()))
        if not actions:  # a broker that we hear lets us in
            actions = self._look_at_entrance(time.monotonic())
        actions += self._take_news(time.monotonic())
        actions += self._core.on_tick(time.monotonic())
        self._execute(actions)
        if self._core.connected is not self._reach.contact.connected:
            self._reach.note(connected=self._core.connected)
        while self._core.gets and self._socket.has_room:
            self._execute([action for _ in range(AT_ONCE) for action in self._core.answer()])

    @property
    def _has_news(self) -> bool:
        return bool(self._submitted or self._acknowledged or self._calls)

    def _take_news(self, now: float) -> list[Action]:
        """Let the core know what other threads have asked for. A job that was acknowledged may be submitted again."""
        self._look.found(now, some=bool(self._acknowledged))
        if self._acknowledged:
            self._core.acknowledge(_some(self._acknowledged), now)
        if self._submitted:
            jobs = []
            for outcome in _some(self._submitted):
                if (job := outcome.job) is not None:
                    self._outcomes[job.id] = outcome
                    jobs.append(job)
                    outcome.job = None
            self._core.submit(*jobs)
        actions: list[Action] = []
        for _ in range(len(self._calls)):
            actions += self._calls.popleft()(now)
        return actions

    def _patience(self) -> float:
        """Seconds until there is something to do if nothing comes before."""
        now = time.monotonic()
        look = self._look.deadline(now)  # first, since others add what they have and then look whether one is coming
        if self._submitted or self._calls or (self._acknowledged and not self._look.coming):
            return 0.0
        patience = min(self._core.deadline(), look) - now
        return min(patience, LOOK) if self._core.gets else patience

    def _look_at_entrance(self, now: float) -> list[Action]:
        if (refusal := self._socket.refusal()) is None:
            return []
        self._reach.refused(refusal, now)
        return self._core.on_refused(now)

    def _execute(self, actions: list[Action]) -> None:
        delivered = False
        for action in actions:
            if type(action) is Deliver:  # most of them, and most of these have nothing on the disk
                if not delivered:
                    delivered = True
                    self._look.delivering()
                if not action.blobs and (waiting := self._outcomes.pop(action.job, None)) is not None:
                    waiting.set_result(action.outcome)
                else:
                    self._deliver(action)
            else:
                self._do(action)
        if delivered:
            self._look.delivered(time.monotonic())
        self._socket.flush()

    def _do(self, action: Action) -> None:
        match action:
            case Deliver():
                self._deliver(action)
            case Send(message):
                self._socket.put(message)
            case Open(identity, broker):
                self._socket.open(identity, self._reach.goes_to(broker))
            case ReadBlob(get, part):
                self._read(get, part)
            case Store():
                self._store(action)
            case Discard(blob):
                self._files.discard(blob)
            case Tell(message):
                self._hear(message)

    def _read(self, get: wire.Get, part: wire.Payload | None) -> None:
        waiting = self._outcomes.get(get.id)
        try:
            if part is None and waiting is not None and waiting.read is not None:
                part = read_part(waiting.read, get.offset, get.length)
        except SourceChangedError as error:
            self._fail(get.id, error)
        if part is not None:
            self._socket.put(wire.Data(get.id, get.blob, get.offset, (part,)))

    def _fail(self, job: bytes, error: SourceChangedError) -> None:
        waiting = self._outcomes.pop(job, None)
        self._calls.append(lambda now: self._core.cancel(job, now))
        if waiting is not None:
            waiting.set_exception(error)

    def _store(self, part: Store) -> None:
        try:
            self._files.store(part.blob, part.offset, part.data)
        except OSError as error:
            then = self._core.on_unstorable(part.blob, str(error.strerror), time.monotonic())
        else:
            then = self._core.on_stored(part.blob, part.offset, time.monotonic())
        for action in then:
            self._do(action)

    def _deliver(self, delivery: Deliver) -> None:
        outcome = delivery.outcome
        if delivery.blobs and isinstance(outcome, wire.Result):
            outcome = replace(outcome, payload=tuple(map(self._files.take, delivery.blobs)))
        if (waiting := self._outcomes.pop(delivery.job, None)) is not None:
            waiting.set_result(outcome)
        elif isinstance(outcome, wire.Result):  # the job has failed here meanwhile
            for blob in outcome.payload:
                close(blob)

    def _hear(self, message: wire.Catalogue | wire.Status | wire.Hello) -> None:
        match message:
            case wire.Hello():
                self._reach.greeted()
            case wire.Catalogue():
                self.catalogue = message
            case wire.Status(report):
                if self._statuses:
                    self._statuses.popleft().set_result(dict(report))


def _some(waiting: collections.deque[T]) -> list[T]:
    """Take out what has come first. Others may add to it meanwhile."""
    return [waiting.popleft() for _ in range(min(TURN, len(waiting)))]


def require_broker(
    client: Client, brokers: str, port: int, patience: float = 10.0, *, stopped: Callable[[], bool] = lambda: False
) -> None:
    """Raise FleetError, with what to do, when no broker answers in time, or none lets us in, unless stopped() has
    become true. patience is in seconds, for each broker."""
    deadline = time.monotonic() + patience * len(hosts(brokers))
    while not client.wait_connected(0.1) and not stopped():
        if (refusal := client.refusal) is not None:
            raise FleetError(refusal)
        if time.monotonic() >= deadline:
            nobody = (
                f"No broker answers at {brokers}, port {port}: start one there with `filterfleet broker`, "
                "or name another with --broker and --frontend-port."
            )
            raise FleetError(f"{nobody}\n{client.refusals}".strip())
