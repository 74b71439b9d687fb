"""A worker's session, and a broker that says anything."""

from __future__ import annotations

import contextlib

from filterfleet.common.blob import FileBlob
from filterfleet.common.errors import ProtocolError
from filterfleet.common.wire import OutputFile, encode, parse
from filterfleet.common.wire.actions import Send
from filterfleet.common.wire.messages import LEASES_LIMIT
from filterfleet.worker.done import Done
from filterfleet.worker.leases.actions import Abandon, Action, Close, ReadBlob, Run, SendFrames
from filterfleet.worker.leases.session import WorkerSession
from tests.fuzz.client_target import check_gets
from tests.fuzz.peers import PROFILE, START, Counting
from tests.fuzz.scripts import unpack
from tests.memory_file import Shelf

# Where the session's own names begin. It tells them to nobody, so the leases that a broker names are others: dice of 16
# bytes never meet them.
OWN_NAMES = 1 << 120


def worker(script: bytes) -> None:
    """A step's `who` is what the worker's threads do after it."""
    threads = _Threads(WorkerSession(PROFILE, Counting(OWN_NAMES)))
    now = START
    threads.take(threads.session.start(now), now)
    for step in unpack(script):
        now += step.seconds
        threads.take(threads.session.on_tick(now), now)
        with contextlib.suppress(ProtocolError):
            threads.take(threads.session.on_message(list(step.frames), now), now)
        check_gets(threads.session.gets)
        while threads.session.gets:
            threads.take(threads.session.answer(), now)
        threads.work(step.who, now)
        threads.check()


class _Threads:
    """The runs that the session has handed over, and their outcomes."""

    def __init__(self, session: WorkerSession) -> None:
        self.session = session
        self._runs: dict[bytes, Run] = {}
        self._shelf = Shelf(FileBlob)
        self._outputs: set[FileBlob] = set()  # those that the session has in files

    def take(self, actions: list[Action], now: float) -> None:
        for action in self._shelf.settle(self.session, actions, now):
            match action:
                case Run():
                    self._runs[action.lease] = action
                case Abandon(lease):
                    self._runs.pop(lease, None)
                case ReadBlob(get, blob):
                    assert get.blob == "edges"
                    assert blob in self._outputs
                case Close(file):
                    self._outputs.remove(file)
                case Send(message):
                    parse(encode([message]), extended=True)
                case SendFrames(frames):
                    parse(frames, extended=False)

    def work(self, what: int, now: float) -> None:
        if not self._runs or what % 5 == 0:
            return
        lease, run = next(iter(self._runs.items()))
        if what % 5 == 1:
            self.take(self.session.on_begun(lease, now), now)
            return
        del self._runs[lease]
        if what % 5 == 2:
            self.take(self.session.on_failed(lease, "transient", "no reason", now), now)
        else:
            blob = b"answer" if what % 5 == 3 or run.opaque else FileBlob()
            if isinstance(blob, FileBlob):
                self._outputs.add(blob)
            done = Done((OutputFile("edges", "png", len(blob)),), (blob,), {})
            self.take(self.session.on_result(lease, done, now), now)

    def check(self) -> None:
        """The session holds no more than it may, it holds everything that the threads run, and no file is forgotten."""
        assert len(self._runs) <= self.session.most_unfinished
        assert set(self._runs) <= set(self.session._leases)
        assert len(self.session._leases) <= LEASES_LIMIT
        leases = self.session._leases.values()
        assert len(self._shelf.files) <= sum(held.pull is not None for held in leases)
        assert self._outputs == {
            blob for held in leases for blob in held.outputs.values() if isinstance(blob, FileBlob)
        }
