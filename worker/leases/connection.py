"""A worker and one of its brokers: the session with it, and the socket that the session asks for."""

from __future__ import annotations

import random
import time

import zmq

from filterfleet.common.blob import FileBlob, read
from filterfleet.common.errors import ProtocolError
from filterfleet.common.keys.folders import PeerKeys
from filterfleet.common.keys.handshakes import Entrance
from filterfleet.common.logs import get_logger
from filterfleet.common.ratelimit import Occasionally
from filterfleet.common.wire import Data, Failed, Message, Payload, encode
from filterfleet.common.wire.batches import batches
from filterfleet.common.wire.dealer import open_dealer
from filterfleet.common.wire.frames import receive, send
from filterfleet.common.wire.messages import INLINE_LIMIT
from filterfleet.worker.done import Done
from filterfleet.worker.leases.session import (
    Abandon,
    Action,
    Open,
    Profile,
    ReadBlob,
    Run,
    Send,
    SendFrames,
    WorkerSession,
)
from filterfleet.worker.leases.threads import ImageThreads

LARGEST_FRAME = 256 << 20  # bytes: somebody else's queue sends images whole
QUIET = 30.0  # seconds between two log lines of one kind about a broker

log = get_logger("worker")


class BrokerConnection:
    """backend is the ZeroMQ address of the broker's backend, number tells its leases from those of other brokers; keys
    are for a broker that has some."""

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        number: int,
        backend: str,
        profile: Profile,
        threads: ImageThreads,
        keys: PeerKeys | None,
    ) -> None:
        self.session = WorkerSession(profile, random.SystemRandom(), FileBlob)
        self.socket = context.socket(zmq.DEALER)  # another one each time the broker is met again
        self._context = context
        self._number = number
        self._backend = backend
        self._threads = threads
        self._keys = keys
        self._entrance: Entrance | None = None
        self._lines = Occasionally(QUIET)
        self._actions: list[Action] = []  # for the next turn: what comes together travels together

    def start(self) -> None:
        self._execute(self.session.start(time.monotonic()))

    def turn(self) -> None:
        """Do what has arrived, and what time brings."""
        actions, self._actions = self._actions, []
        if self._entrance is not None and (refusal := self._entrance.refusal()) is not None:
            actions += self.session.on_refused(time.monotonic())
            if self._lines.count("refused", time.monotonic()):
                log.warning(refusal)
        while True:
            try:
                if (frames := receive(self.socket)) is None:
                    break
                actions += self.session.on_message(frames, time.monotonic())
            except ProtocolError as error:
                if total := self._lines.count("no message", time.monotonic()):
                    log.warning("broker sent what is no message", error=str(error), total=total)
        self._execute([*actions, *self.session.on_tick(time.monotonic())])

    def begun(self, lease: bytes) -> None:
        self._actions += self.session.on_begun(lease)

    def ended(self, lease: bytes, outcome: Done | Failed) -> None:
        now = time.monotonic()
        if isinstance(outcome, Failed):
            self._actions += self.session.on_failed(lease, outcome.kind, outcome.reason, now)
        else:
            self._actions += self.session.on_result(lease, outcome, now)

    def drain(self) -> None:
        self._execute(self.session.drain(time.monotonic()))

    def hand_back(self) -> None:
        self._execute(self.session.hand_back(time.monotonic()))

    def close(self) -> None:
        if self._entrance is not None:
            self._entrance.close()
        self.socket.close(linger=2000)

    # --- inside ----

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
                    self._threads.add((self._number, action.lease), action)
                case Abandon(lease):
                    self._threads.drop((self._number, lease))
                case ReadBlob():
                    self._read(action, to_send)
        self._flush(to_send)

    def _read(self, action: ReadBlob, to_send: list[Message]) -> None:
        get = action.get
        try:
            to_send.append(Data(get.id, get.blob, get.offset, (read(action.blob, get.offset, get.length),)))
        except OSError as error:
            reason = f"The worker cannot read an output from its disk: {error.strerror}."
            self._execute(self.session.on_unreadable(get.id, reason, time.monotonic()))

    def _flush(self, messages: list[Message]) -> None:
        for batch in batches(messages, INLINE_LIMIT):
            self._send(encode(batch))
        messages.clear()

    def _send(self, frames: list[Payload]) -> None:
        try:
            send(self.socket, frames)
        except zmq.ZMQError as error:
            log.warning("message dropped", error=error.strerror)  # the session repeats what matters

    def _connect(self, identity: bytes) -> None:
        if self._entrance is not None:
            self._entrance.close()
        self.socket.close(linger=0)
        self.socket, self._entrance = open_dealer(self._context, identity, self._backend, self._keys, LARGEST_FRAME)
