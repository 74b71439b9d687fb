"""multiprocessing with threads inside each process: the hybrid of processes x threads on one machine.

A process that dies costs its own images nothing but time: they are suspects then, and each is tried again alone in a
process, so that only the image that really kills is given up. So it is with an image that takes too long: a thread
cannot be ended, its process can.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from filterfleet.common.blob import Blob
from filterfleet.common.errors import FleetError
from filterfleet.common.jobs.engine import ReadImage
from filterfleet.common.jobs.job import Job
from filterfleet.common.process.wakeup import Wakeup
from filterfleet.common.wire import Failed, Result
from filterfleet.common.wire.messages import INLINE_LIMIT
from filterfleet.worker.attempt import STUCK_EXIT, TIME_LIMIT
from filterfleet.worker.engines import ctrl_c
from filterfleet.worker.engines.channel import Channel
from filterfleet.worker.engines.local import image_of, run_image
from filterfleet.worker.memory import Memory, confine, share
from filterfleet.worker.pixels.opencv import prepare_process
from filterfleet.worker.resources import Resources

TRIALS = 2  # deaths of a process with nothing else in it until its image is given up
STARTS = 3  # deaths of processes in a row before they were ready until the engine gives up
STILLBORN = (
    "The worker processes die before they are ready. A script that calls filterfleet.run has to do so below "
    "`if __name__ == '__main__':`, since each of them imports it."
)
DEADLY = "The worker process died while it worked on this image and on nothing else."
AHEAD = 1  # jobs given to a process beyond those its threads run


@dataclass(slots=True, eq=False)
class _Entry:
    id: bytes
    recipe: bytes
    image: Blob
    future: Future[Result | Failed]
    suspect: bool = False
    trials: int = 0


@dataclass(slots=True, eq=False)
class _Child:
    process: BaseProcess
    channel: Channel
    ready: bool = False
    entries: dict[bytes, _Entry] = field(default_factory=dict)

    @property
    def on_trial(self) -> bool:
        return any(entry.suspect for entry in self.entries.values())


class ProcessesEngine:
    """workers processes with so many threads each. One thread of this process feeds and watches them."""

    name = "processes"
    inline_limit = INLINE_LIMIT

    def __init__(self, workers: int, threads: int, memory: int | None = None, time_limit: float = TIME_LIMIT) -> None:
        self.window = (threads + AHEAD + 1) * workers
        self._threads = threads
        self._memory = memory or share(workers)
        self._time_limit = time_limit
        self._context = multiprocessing.get_context("spawn")  # a fork would copy our threads' locks as they are
        self._waiting: deque[_Entry] = deque()
        self._suspects: deque[_Entry] = deque()
        self._wakeup = Wakeup()
        self._closing = False
        self._stillborn = 0  # processes in a row that have died before they were ready
        self._children = [self._start() for _ in range(workers)]
        self._keeper = threading.Thread(target=self._keep, name="processes-engine", daemon=True)
        self._keeper.start()

    def submit(self, job: Job, read: ReadImage | None = None) -> Future[Result | Failed]:
        future: Future[Result | Failed] = Future()
        try:
            self._waiting.append(_Entry(job.id, job.recipe, image_of(job, read), future))
        except FleetError as error:
            future.set_exception(error)
        self._wakeup.set()
        return future

    def acknowledge(self, job: bytes) -> None:
        pass

    def close(self) -> None:
        self._closing = True
        self._wakeup.set()
        self._keeper.join()
        self._end_children()
        self._wakeup.close()
        self._fail_all("The processes were ended.")

    # --- the keeper's thread ----

    def _start(self) -> _Child:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(
            target=_serve, args=(theirs, self._threads, self._memory, self._time_limit), daemon=True
        )
        with ctrl_c.kept_from_children():
            process.start()
        theirs.close()
        return _Child(process, Channel(ours))

    def _keep(self) -> None:
        while not self._closing:
            self._replace_the_dead()
            if self._stillborn < STARTS:
                self._feed()
            else:
                self._give_up()
            wait([self._wakeup.fileno(), *self._handles()])
            self._wakeup.clear()
            for child in self._children:
                self._receive(child)

    def _replace_the_dead(self) -> None:
        for number, child in enumerate(self._children):
            if not child.process.is_alive():
                self._receive(child)  # what it still managed to say
                self._bury(child)
                self._children[number] = self._start()

    def _give_up(self) -> None:
        """No process gets ready: everything fails, now and from now on."""
        self._end_children()
        self._fail_all(STILLBORN)

    def _end_children(self) -> None:
        for child in self._children:
            child.process.terminate()
        for child in self._children:
            child.process.join()
            child.channel.close()
            self._suspects.extend(child.entries.values())
        self._children.clear()

    def _fail_all(self, reason: str) -> None:
        for line in (self._suspects, self._waiting):
            while line:
                line.popleft().future.set_exception(FleetError(reason))

    def _handles(self) -> Iterable[int]:
        for child in self._children:
            yield child.channel.fileno()
            yield child.process.sentinel

    def _receive(self, child: _Child) -> None:
        try:
            while child.channel.poll():
                outcome: Result | Failed | None = child.channel.recv()
                if outcome is None:
                    child.ready = True
                    self._stillborn = 0
                else:
                    child.entries.pop(outcome.id).future.set_result(outcome)
        except (EOFError, OSError):
            child.process.kill()  # it is dying, or there was no descriptor left for what it sent
            child.process.join(timeout=5.0)  # its sentinel says the rest

    def _bury(self, child: _Child) -> None:
        """The images of a dead process are suspects; one that was alone in it twice is guilty."""
        child.channel.close()
        self._stillborn += not child.ready
        for entry in child.entries.values():
            entry.trials += entry.suspect
            entry.suspect = True
            if entry.trials >= TRIALS:
                late = child.process.exitcode == STUCK_EXIT
                reason = f"The image takes more than {self._time_limit:g} seconds." if late else DEADLY
                entry.future.set_result(Failed(entry.id, "permanent", reason))
            else:
                self._suspects.append(entry)

    def _feed(self) -> None:
        for child in self._children:
            if self._suspects and child.ready and not child.entries:
                self._give(child, self._suspects.popleft())
        slots = self._threads + AHEAD
        open_children = [child for child in self._children if child.ready and not child.on_trial]
        while self._waiting and open_children:
            child = min(open_children, key=lambda child: len(child.entries))
            if len(child.entries) >= slots:
                return
            if not self._give(child, self._waiting.popleft()):
                open_children.remove(child)

    def _give(self, child: _Child, entry: _Entry) -> bool:
        """Send a job to a child; False when the child turns out to be dead, and the job is again where it was."""
        try:
            child.channel.send((entry.id, entry.recipe, entry.image))
        except OSError:
            (self._suspects if entry.suspect else self._waiting).appendleft(entry)
            return False
        child.entries[entry.id] = entry
        return True


def _serve(connection: Connection, threads: int, memory: int, time_limit: float) -> None:
    """The child: say None when ready, then run jobs until the parent hangs up."""
    prepare_process()
    confine(memory)
    resources = Resources(threads, Memory(memory))
    channel = Channel(connection)
    sending = threading.Lock()

    def work(id: bytes, recipe: bytes, image: Blob) -> None:  # noqa: A002 - as in the messages
        timer = threading.Timer(time_limit, os._exit, [STUCK_EXIT])
        timer.daemon = True
        timer.start()
        outcome = run_image(id, recipe, image, resources)
        timer.cancel()
        try:
            with sending:
                channel.send(outcome)
        except (OSError, MemoryError):  # the parent is gone, or has to hear in another way that there is no outcome
            os._exit(1)

    with contextlib.suppress(OSError):
        channel.send(None)
    with ThreadPoolExecutor(threads) as pool:
        while True:
            try:
                pool.submit(work, *channel.recv())  # a name for it here would keep its file until the next one
            except (EOFError, OSError):
                return
