"""The client of a broker: submit images from any thread, get a future for each outcome."""

from __future__ import annotations

import collections
import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Self

import zmq

from filterfleet.common.blob import FileBlob
from filterfleet.common.client.brokers import addresses, hosts
from filterfleet.common.client.core import Action, ClientCore, Deliver, Open, ReadBlob, Send, Tell
from filterfleet.common.errors import FleetError, ProtocolError, SourceChangedError
from filterfleet.common.jobs.engine import ReadImage, read_part
from filterfleet.common.jobs.jobs import Job
from filterfleet.common.keys.folders import Role, peer_keys
from filterfleet.common.keys.handshakes import Entrance
from filterfleet.common.logs import get_logger
from filterfleet.common.process.wakeup import Wakeup
from filterfleet.common.ratelimit import Occasionally
from filterfleet.common.wire import Catalogue, Data, Failed, Hello, Message, Result, Status, encode
from filterfleet.common.wire.batches import batches
from filterfleet.common.wire.dealer import open_dealer
from filterfleet.common.wire.frames import poll, receive, send
from filterfleet.common.wire.messages import FRAME_LIMIT, INLINE_LIMIT

QUIET = 30.0  # seconds between two log lines of one kind about a broker

log = get_logger("client")


class Client:
    """The connection to a broker, on a thread of its own: the engine of a whole fleet.

    brokers is a name or an address, or several with commas between them: it is with the first one that answers, and
    goes to the next when that falls silent. keys is a folder with a client's keys, for brokers that have keys. Raises
    FleetError when it cannot use them. Close it, or use it as a context manager.
    """

    name = "cluster"
    inline_limit = INLINE_LIMIT
    window = 256

    def __init__(self, brokers: str, frontend_port: int, keys: Path | None = None) -> None:
        self.catalogue = Catalogue((), 0)
        self._refused: dict[str, str] = {}  # address of each broker that does not let us in: why
        self._keys = peer_keys(keys, Role.CLIENT) if keys else None
        self._addresses = addresses(brokers, frontend_port)
        self._address = ""  # of these, where the socket is connected to
        self._core = ClientCore(random.SystemRandom(), FileBlob, len(self._addresses))
        self._context = zmq.Context()
        self._socket: zmq.Socket[bytes] | None = None
        self._entrance: Entrance | None = None
        self._lines = Occasionally(QUIET)
        self._wakeup = Wakeup()
        self._calls: collections.deque[Callable[[float], list[Action]]] = collections.deque()
        self._futures: dict[bytes, Future[Result | Failed]] = {}
        self._readers: dict[bytes, ReadImage] = {}
        self._statuses: collections.deque[Future[dict[str, Any]]] = collections.deque()
        self._connected = threading.Event()
        self._closing = False
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="broker-client", daemon=True)
        self._thread.start()

    # --- for any thread ----

    def submit(self, job: Job, read: ReadImage | None = None) -> Future[Result | Failed]:
        """Begin a job; the future gets its outcome, which acknowledge() then lets everybody forget.

        An image over the inline limit is submitted without payload and read in parts through read, on the
        client's thread. Large outputs are common.blob.FileBlob. A job id may be under way only once.
        """
        future: Future[Result | Failed] = Future()
        future.set_running_or_notify_cancel()

        def call(now: float) -> list[Action]:
            self._futures[job.id] = future
            if read is not None:
                self._readers[job.id] = read
            return self._core.submit(job, now)

        self._call(call)
        return future

    def acknowledge(self, job: bytes) -> None:
        """The outcome has been made permanent here."""
        self._call(lambda now: self._core.acknowledge(job, now))

    @property
    def refusal(self) -> str | None:
        """Why no broker lets us in, as long as each of them refuses."""
        return self.refusals if len(self._refused) == len(self._addresses) else None

    @property
    def refusals(self) -> str:
        """Why some brokers do not let us in."""
        return "\n".join(self._refused.values())

    def wait_connected(self, timeout: float) -> bool:
        """Whether a broker has answered within so many seconds."""
        return self._connected.wait(timeout)

    def status(self) -> Future[dict[str, Any]]:
        """What the broker says of itself and its fleet."""
        future: Future[dict[str, Any]] = Future()
        future.set_running_or_notify_cancel()

        def call(now: float) -> list[Action]:
            self._statuses.append(future)
            return self._core.request_status(now)

        self._call(call)
        return future

    def close(self) -> None:
        """Send what is waiting to be sent, then end. Futures without an outcome fail."""
        self._closing = True
        self._wakeup.set()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _call(self, call: Callable[[float], list[Action]]) -> None:
        if self._ended:
            raise FleetError("The connection to the broker was closed.")
        self._calls.append(call)
        self._wakeup.set()

    # --- the client's own thread ----

    def _run(self) -> None:
        try:
            self._execute(self._core.start(time.monotonic()))
            while not self._closing or self._calls:
                self._turn()
        finally:  # whatever happens, nobody waits for ever
            self._end()

    def _end(self) -> None:
        self._ended = True
        if self._entrance is not None:
            self._entrance.close()
        if self._socket is not None:
            self._socket.close(linger=2000 if self._connected.is_set() else 0)
        self._context.term()
        self._wakeup.close()
        closed = FleetError("The connection to the broker was closed.")
        for outcome in self._futures.values():
            outcome.set_exception(closed)
        for status in self._statuses:
            status.set_exception(closed)

    def _turn(self) -> None:
        poller = zmq.Poller()
        poller.register(self._wakeup.fileno(), zmq.POLLIN)
        assert self._socket is not None
        poller.register(self._socket, zmq.POLLIN)
        poll(poller, 0.0 if self._calls else self._core.deadline() - time.monotonic())
        self._wakeup.clear()
        actions = self._look_at_entrance(time.monotonic())
        while self._calls:
            actions += self._calls.popleft()(time.monotonic())
        while True:
            try:
                if (frames := receive(self._socket)) is None:
                    break
                actions += self._core.on_message(frames, time.monotonic())
            except ProtocolError as error:
                if total := self._lines.count("no message", time.monotonic()):
                    log.warning("broker sent what is no message", error=str(error), total=total)
        actions += self._core.on_tick(time.monotonic())
        self._execute(actions)

    def _look_at_entrance(self, now: float) -> list[Action]:
        assert self._entrance is not None
        if (refusal := self._entrance.refusal()) is None:
            return []
        first = self._address not in self._refused
        self._refused[self._address] = refusal
        # The first one of the only broker is for require_broker() to tell.
        if (len(self._addresses) > 1 or not first) and self._lines.count(("refused", self._address), now):
            log.warning(refusal)
        return self._core.on_refused(now)

    def _execute(self, actions: list[Action]) -> None:
        to_send: list[Message] = []
        for action in actions:
            match action:
                case Send(message):
                    to_send.append(message)
                case Open(identity, broker):
                    to_send.clear()  # what was meant for the old socket is void with its session
                    self._connected.clear()
                    self._open(identity, self._addresses[broker])
                case ReadBlob(get):
                    self._read(get.id, get.offset, get.length, to_send)
                case Deliver(job, outcome):
                    self._readers.pop(job, None)
                    future = self._futures.pop(job, None)
                    if future is not None:
                        future.set_result(outcome)
                case Tell(message):
                    self._hear(message)
        for batch in batches(to_send, INLINE_LIMIT):
            self._send(batch)

    def _open(self, identity: bytes, address: str) -> None:
        if self._socket is not None and self._entrance is not None:
            self._entrance.close()
            self._socket.close(linger=0)
        self._address = address
        self._socket, self._entrance = open_dealer(self._context, identity, address, self._keys, FRAME_LIMIT)

    def _send(self, batch: list[Message]) -> None:
        assert self._socket is not None
        try:
            send(self._socket, encode(batch))
        except zmq.ZMQError as error:
            log.warning("message dropped", error=error.strerror)  # the core repeats what matters

    def _read(self, job: bytes, offset: int, length: int, to_send: list[Message]) -> None:
        reader = self._readers.get(job)
        if reader is None:
            return
        try:
            to_send.append(Data(job, "", offset, (read_part(reader, offset, length),)))
        except SourceChangedError as error:
            self._fail(job, error)

    def _fail(self, job: bytes, error: SourceChangedError) -> None:
        self._readers.pop(job, None)
        future = self._futures.pop(job, None)
        self._call(lambda now: self._core.cancel(job, now))
        if future is not None:
            future.set_exception(error)

    def _hear(self, message: Catalogue | Status | Hello) -> None:
        match message:
            case Hello():
                self._refused.pop(self._address, None)
                self._connected.set()
            case Catalogue():
                self.catalogue = message
            case Status(report):
                if self._statuses:
                    self._statuses.popleft().set_result(dict(report))


def require_broker(
    client: Client, brokers: str, port: int, patience: float = 10.0, *, stopped: Callable[[], bool] = lambda: False
) -> None:
    """Raise FleetError, with what to do, when no broker answers in time, or none lets us in, and stopped() has
    not become true. patience is in seconds, for each of them."""
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
