"""The worker process: one thread owns the socket and the session, the others run images.

A long filter never delays a heartbeat. A thread that is stuck beyond its task's time ends the whole process,
which its supervisor starts again: a thread cannot be killed, a process can.
"""

from __future__ import annotations

import collections
import os
import random
import time
from concurrent.futures import Future, ThreadPoolExecutor

import zmq

from common.batches import batches
from common.blob import FileBlob, read
from common.errors import ProtocolError
from common.frames import poll, receive, send
from common.handshakes import Entrance, show_keys
from common.keys import PeerKeys
from common.logs import get_logger
from common.notify import Notifier
from common.occasionally import Occasionally
from common.protocol import Data, Failed, Message, Output, Payload, encode
from common.protocol.messages import INLINE_LIMIT
from common.wakeup import StopSignal, Wakeup
from worker.attempt import STUCK_EXIT, TIME_LIMIT, answer, attempt
from worker.opencv import prepare_process
from worker.resources import Resources
from worker.session import Abandon, Action, Done, Open, Profile, ReadBlob, Run, Send, SendFrames, WorkerSession

HEAR_OUT = 1.0  # seconds at most for what the broker still sends to a worker that is leaving
QUIET = 100  # milliseconds without a message after which nothing more is on its way
FRAME_LIMIT = 256 << 20  # bytes: somebody else's queue sends images whole
REFUSALS = 30.0  # seconds between two log lines about a broker that does not let us in
GRACE = 5.0  # seconds beyond its limit until a running task is called stuck

log = get_logger("worker")


class WorkerService:
    """backend is the ZeroMQ address of the broker's backend; drain_limit is in seconds; keys are for a broker that
    has some."""

    def __init__(
        self, backend: str, profile: Profile, resources: Resources, drain_limit: float, keys: PeerKeys | None = None
    ) -> None:
        prepare_process()
        self._resources = resources
        self._backend = backend
        self._drain_limit = drain_limit
        self._keys = keys
        self._session = WorkerSession(profile, random.SystemRandom(), FileBlob)
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.DEALER)
        self._entrance: Entrance | None = None
        self._refusals = Occasionally(REFUSALS)
        self._pool = ThreadPoolExecutor(profile.threads, thread_name_prefix="image")
        self._runs: dict[bytes, Run] = {}  # what waits for a thread: the pool would keep a cancelled image
        self._futures: dict[bytes, Future[None]] = {}
        self._running: dict[bytes, float] = {}  # lease -> instant at which it counts as stuck
        self._done: collections.deque[tuple[bytes, Done | Failed]] = collections.deque()
        self._wakeup = Wakeup()

    def run(self, stop: StopSignal, notifier: Notifier) -> None:
        """Work until told to stop, then finish what is leased; a second signal or the limit hands it back."""
        self._execute(self._session.start(time.monotonic()))
        notifier.ready()
        log.info("worker started", broker=self._backend, threads=self._session.profile.threads)
        drain_until = float("inf")
        while not (self._session.draining and self._session.idle):
            self._wait(stop)
            notifier.alive()
            now = time.monotonic()
            if stop.is_set and not self._session.draining:
                notifier.stopping()
                drain_until = now + self._drain_limit
                self._execute(self._session.drain(now))
            if stop.count > 1 or drain_until <= now:
                log.warning("handing tasks back", tasks=len(self._futures))
                self._execute(self._session.hand_back(now))
                break
            self._turn()
            self._check_stuck(now)
        self._hear_out()
        if self._entrance is not None:
            self._entrance.close()
        self._socket.close(linger=2000)
        self._context.term()
        log.info("worker stopped")

    def _hear_out(self) -> None:
        """Answer what was on its way when we said that we leave: a task that nobody hands back is missed only when
        we are. And a connection that is closed with unread data in it is reset (RFC 1122, 4.2.2.13): the broker could
        lose what it has just been told."""
        until = time.monotonic() + HEAR_OUT
        while time.monotonic() < until and self._socket.poll(QUIET):
            self._turn()

    def _wait(self, stop: StopSignal) -> None:
        poller = zmq.Poller()
        poller.register(self._socket, zmq.POLLIN)
        poller.register(self._wakeup.fileno(), zmq.POLLIN)
        poller.register(stop.fileno(), zmq.POLLIN)
        poll(poller, self._session.deadline() - time.monotonic())
        self._wakeup.clear()
        stop.clear()

    def _turn(self) -> None:
        actions: list[Action] = []
        if self._entrance is not None and (refusal := self._entrance.refusal()) is not None:
            actions += self._session.on_refused(time.monotonic())
            if self._refusals.count("refused", time.monotonic()):
                log.warning(refusal)
        while (frames := receive(self._socket)) is not None:
            try:
                actions += self._session.on_message(frames, time.monotonic())
            except ProtocolError as error:
                log.warning("broker sent what is no message", error=str(error))
        while self._done:
            lease, outcome = self._done.popleft()
            self._futures.pop(lease, None)
            now = time.monotonic()
            if isinstance(outcome, Failed):
                actions += self._session.on_failed(lease, outcome.kind, outcome.reason, now)
            else:
                actions += self._session.on_result(lease, outcome, now)
        for lease in list(self._running):
            self._session.on_begun(lease)
        actions += self._session.on_tick(time.monotonic())
        self._execute(actions)

    def _execute(self, actions: list[Action]) -> None:
        to_send: list[Message] = []
        for action in actions:
            match action:
                case Send(message):
                    to_send.append(message)
                case SendFrames(frames):
                    self._flush(to_send)
                    self._send(list(frames))
                case Open(identity):
                    to_send.clear()  # what was meant for the old socket is void with its session
                    self._connect(identity)
                case Run():
                    self._runs[action.lease] = action
                    self._futures[action.lease] = self._pool.submit(self._work, action.lease)
                case Abandon(lease):
                    if (future := self._futures.get(lease)) is not None and future.cancel():
                        del self._futures[lease], self._runs[lease]
                case ReadBlob():
                    self._read(action, to_send)
        self._flush(to_send)

    def _read(self, action: ReadBlob, to_send: list[Message]) -> None:
        get = action.get
        try:
            to_send.append(Data(get.id, get.blob, get.offset, (read(action.blob, get.offset, get.length),)))
        except OSError as error:
            reason = f"The worker cannot read an output from its disk: {error.strerror}."
            self._execute(self._session.on_unreadable(get.id, reason, time.monotonic()))

    def _flush(self, messages: list[Message]) -> None:
        for batch in batches(messages, INLINE_LIMIT):
            self._send(encode(batch))
        messages.clear()

    def _send(self, frames: list[Payload]) -> None:
        try:
            send(self._socket, frames)
        except zmq.ZMQError as error:
            log.warning("message dropped", error=error.strerror)  # the session repeats what matters

    def _connect(self, identity: bytes) -> None:
        if self._entrance is not None:
            self._entrance.close()
        self._socket.close(linger=0)
        self._socket = self._context.socket(zmq.DEALER)
        self._socket.routing_id = identity
        self._socket.sndhwm = 0  # bounded by our own slots
        self._socket.maxmsgsize = FRAME_LIMIT
        self._socket.reconnect_ivl = 100
        self._socket.reconnect_ivl_max = 1000
        self._socket.ipv6 = "[" in self._backend
        show_keys(self._socket, self._keys)
        self._entrance = Entrance(self._socket, self._backend, self._keys)
        self._socket.connect(self._backend)

    # --- the pool's threads ----

    def _work(self, lease: bytes) -> None:
        run = self._runs.pop(lease)
        self._running[run.lease] = time.monotonic() + (run.timeout or TIME_LIMIT) + GRACE
        try:
            self._done.append((run.lease, _outcome(run, self._resources)))
        finally:
            del self._running[run.lease]
            self._wakeup.set()

    def _check_stuck(self, now: float) -> None:
        if any(limit <= now for limit in list(self._running.values())):
            log.error("a task does not end: giving this process up", exit_code=STUCK_EXIT)
            os._exit(STUCK_EXIT)


def _outcome(run: Run, resources: Resources) -> Done | Failed:
    if run.opaque:
        reply = answer(run.image, resources)
        return Done((Output("answer", "", len(reply)),), (reply,), {})
    return attempt(run.lease, run.recipe, run.image, resources)
