"""A client's core with some jobs, and a broker that says anything."""

from __future__ import annotations

import contextlib

from filterfleet.common.blob import FileBlob
from filterfleet.common.client.actions import Action, Deliver, ReadBlob
from filterfleet.common.client.core import ClientCore
from filterfleet.common.errors import ProtocolError
from filterfleet.common.wire import Result, encode, parse
from filterfleet.common.wire.actions import Send
from filterfleet.common.wire.gets import MOST, Gets
from filterfleet.common.wire.messages import CHUNK
from tests.fuzz.peers import JOBS, START, Counting
from tests.fuzz.scripts import unpack
from tests.memory_file import Shelf


def client(script: bytes) -> None:
    """A step's `who` is what the application does after it."""
    application = _Application(ClientCore(Counting(), 2))
    now = START
    application.take(application.core.start(now), now)
    for step in unpack(script):
        application.work(step.who, now)
        now += step.seconds
        application.take(application.core.on_tick(now), now)
        with contextlib.suppress(ProtocolError):
            application.take(application.core.on_message(list(step.frames), now), now)
        check_gets(application.core.gets)
        while application.core.gets:
            application.take(application.core.answer(), now)
        application.check()


def check_gets(gets: Gets) -> None:
    """Few requests wait, and none of them is for much."""
    for of_id in gets._waiting.values():
        assert 1 <= len(of_id) <= MOST
        assert all(get.length <= CHUNK for get in of_id.values())


class _Application:
    def __init__(self, core: ClientCore) -> None:
        self.core = core
        self._shelf = Shelf(FileBlob)
        self._outcomes: dict[bytes, int] = {}  # how many outcomes each job has had that it waits for

    def take(self, actions: list[Action], now: float) -> None:
        for action in self._shelf.settle(self.core, actions, now):
            match action:
                case Send(message):
                    parse(encode([message]), extended=True)
                case ReadBlob(get, _):
                    assert get.offset + get.length <= next(job.size for job in JOBS if job.id == get.id)
                case Deliver(job, outcome):
                    self._outcomes[job] += 1
                    if isinstance(outcome, Result):
                        assert [len(blob) for blob in outcome.payload] == [output.size for output in outcome.outputs]

    def work(self, what: int, now: float) -> None:
        job = JOBS[what % len(JOBS)]
        match what // len(JOBS) % 4:
            case 0 | 1 if job.id not in self._outcomes:
                self._outcomes[job.id] = 0
                self.core.submit(job)
            case 2 if self._outcomes.get(job.id):
                del self._outcomes[job.id]
                self.core.acknowledge([job.id], now)
            case 3:
                self._outcomes.pop(job.id, None)
                self.take(self.core.cancel(job.id, now), now)

    def check(self) -> None:
        """The core knows the application's jobs and no others, and delivers each outcome once."""
        assert set(self.core._jobs) == set(self._outcomes)
        submissions = self.core._submissions
        assert set(submissions._unanswered) <= set(submissions._jobs) <= set(self._outcomes)
        assert set(self.core._fetching) <= set(self._outcomes)
        assert set(self._shelf.files._files) <= set(self.core._fetching._of_blob)
        flow = submissions._flow
        assert min(flow._jobs, flow._bytes, flow._held, flow._window) >= 0
        assert flow._jobs == len(submissions._unanswered)
        assert all(count <= 1 for count in self._outcomes.values())
