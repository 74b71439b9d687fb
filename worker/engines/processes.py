"""multiprocessing with threads inside each process: processes x threads on one machine.

When a process dies, its images are suspects. Each of them is tried again, alone in a process, so that only the image
that really kills is given up; the others lose nothing but time. An image that takes too long ends its process, since a
thread cannot be ended, and becomes a suspect in the same way.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import resource
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess

from filterfleet.common.blob import Blob
from filterfleet.common.errors import FleetError
from filterfleet.common.jobs.engine import ReadImage
from filterfleet.common.jobs.job import Job
from filterfleet.common.process.wakeup import Wakeup
from filterfleet.common.process.zygote import Birth, Zygote, claim, fork
from filterfleet.common.wire import Failed, Result
from filterfleet.common.wire.messages import INLINE_LIMIT
from filterfleet.worker.done import close_files
from filterfleet.worker.engines import ctrl_c
from filterfleet.worker.engines.channel import Channel
from filterfleet.worker.engines.child import arguments, serve
from filterfleet.worker.engines.copies import image_of
from filterfleet.worker.engines.forked import ForkedProcess
from filterfleet.worker.memory import share
from filterfleet.worker.settings import STUCK_EXIT, TIME_LIMIT

# Processes that may die of an image on trial, alone in them, until it is given up. A larger value kills more processes
# for each bad image; with 1, an image is given up for a single death that somebody else may have caused.
TRIALS = 2

# Processes in a row that may die before they are ready, until the engine gives up. A larger value takes longer to
# report a machine or a script on which none can start; a smaller one gives up over an accident.
STARTS = 3

# Jobs given to a process beyond those that its threads run, so that no thread waits for the next one. A larger value
# lets other processes run dry at the end of a run, and makes more suspects when a process dies; with 0, a thread waits
# for the pipe between two images.
AHEAD = 1

CHILD = "filterfleet.worker.engines.child"  # the module that a zygote runs in a process

STILLBORN = (
    "The worker processes die before they are ready. A script that calls filterfleet.run has to do so below "
    "`if __name__ == '__main__':`, since every worker process imports the script."
)
DEADLY = "The worker process died while it worked on this image and on nothing else."


OPEN_FILES = 64  # that a process has beside those of its children


def _check_open_files(workers: int) -> None:
    """Each process takes a pipe, which has two ends while it starts. Raises FleetError."""
    needed, limit = 2 * workers + OPEN_FILES, resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if limit != resource.RLIM_INFINITY and needed > limit:
        raise FleetError(
            f"{workers} worker processes take {needed} open files, and the limit is {limit}: lower --workers, or raise "
            "the limit (ulimit -n)."
        )


@dataclass(slots=True, eq=False)
class _Entry:
    id: bytes
    recipe: bytes
    image: Blob
    future: Future[Result | Failed]
    suspect: bool = False
    trials: int = 0

    def settle(self, outcome: Result | Failed | FleetError) -> None:
        """The image's outcome is known, or will never be: its copy on disk has served its purpose."""
        close_files([self.image])
        if isinstance(outcome, FleetError):
            self.future.set_exception(outcome)
        else:
            self.future.set_result(outcome)


@dataclass(slots=True, eq=False)
class _Child:
    process: BaseProcess | ForkedProcess
    channel: Channel
    ready: bool = False
    entries: dict[bytes, _Entry] = field(default_factory=dict)

    @property
    def on_trial(self) -> bool:
        return any(entry.suspect for entry in self.entries.values())

    def forget(self) -> None:
        """It has ended."""
        self.channel.close()
        if isinstance(self.process, ForkedProcess):
            self.process.close()


class ProcessesEngine:
    """A number of worker processes with the same number of threads in each. One thread of this process, the keeper,
    feeds and watches them.
    """

    name = "processes"
    inline_limit = INLINE_LIMIT

    def __init__(
        self,
        workers: int,
        threads: int,
        memory: int | None = None,
        time_limit: float = TIME_LIMIT,
        *,
        sandbox: bool = True,
    ) -> None:
        """memory is in bytes, for the images of each process; None shares the default. time_limit is in seconds.
        sandbox: the processes confine themselves (worker.sandbox). Raises FleetError for more processes than this one
        can hold on to.
        """
        _check_open_files(workers)
        self.window = (threads + AHEAD + 1) * workers
        self._threads = threads
        self._memory = memory or share(workers)
        self._time_limit = time_limit
        self._sandbox = sandbox
        self._context = multiprocessing.get_context("spawn")  # a fork would copy locks that other threads hold
        self._waiting: deque[_Entry] = deque()
        self._suspects: deque[_Entry] = deque()
        self._wakeup = Wakeup()
        self._closing = False
        self._stillborn = 0  # processes in a row that died before they were ready
        self._hopeless = ""  # a sentence, once it is known that no job can be done
        zygote = claim(CHILD)
        self._children = [] if zygote else [self._start() for _ in range(workers)]
        self._keeper = threading.Thread(target=self._keep, args=(zygote, workers), name="processes-engine", daemon=True)
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

    def _fork(self, zygote: Zygote, count: int) -> None:
        """Have the zygote fork the first processes, and start those that it could not."""
        pipes = [self._context.Pipe() for _ in range(count)]
        options = arguments(self._threads, self._memory, self._time_limit, self._sandbox)
        births = [Birth(CHILD, options, stdin=theirs.fileno(), own_group=False) for _, theirs in pipes]
        (forked,) = fork((zygote, births))
        for ours, theirs in pipes:
            theirs.close()
            if not forked:
                ours.close()
        self._children += [
            _Child(ForkedProcess(child.pid), Channel(ours)) for child, (ours, _) in zip(forked, pipes, strict=False)
        ]
        while len(self._children) < count:
            self._children.append(self._start())

    def _start(self) -> _Child:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(
            target=serve,
            args=(theirs, self._threads, self._memory, self._time_limit, self._sandbox),
            daemon=True,
        )
        with ctrl_c.kept_from_children():
            process.start()
        theirs.close()
        return _Child(process, Channel(ours))

    def _keep(self, zygote: Zygote | None, count: int) -> None:
        with self._or_hopeless():
            if zygote:
                self._fork(zygote, count)
        while not self._closing:
            with self._or_hopeless():
                self._replace_the_dead()
            if self._hopeless:
                self._give_up()
            else:
                self._feed()
            wait([self._wakeup.fileno(), *self._handles()])
            self._wakeup.clear()
            for child in self._children:
                self._receive(child)

    @contextlib.contextmanager
    def _or_hopeless(self) -> Iterator[None]:
        """The system may refuse a process, a thread or a descriptor. An exception would end this thread silently."""
        try:
            yield
        except (OSError, RuntimeError) as error:
            said = error.strerror if isinstance(error, OSError) else str(error)
            self._hopeless = f"The system does not start the worker processes: {said}. Fewer --workers may do."

    def _replace_the_dead(self) -> None:
        for child in [child for child in self._children if not child.process.is_alive()]:
            self._receive(child)  # what it sent before it died
            self._bury(child)
            self._children.remove(child)
            if self._stillborn >= STARTS:
                self._hopeless = STILLBORN
                return
            self._children.append(self._start())

    def _give_up(self) -> None:
        """Every job fails, now and later."""
        self._end_children()
        self._fail_all(self._hopeless)

    def _end_children(self) -> None:
        for child in self._children:
            child.process.terminate()
        for child in self._children:
            child.process.join()
            child.forget()
            self._suspects.extend(child.entries.values())
        self._children.clear()

    def _fail_all(self, reason: str) -> None:
        for line in (self._suspects, self._waiting):
            while line:
                line.popleft().settle(FleetError(reason))

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
                    child.entries.pop(outcome.id).settle(outcome)
        except (EOFError, OSError):
            child.process.kill()  # it is dying, or this process has no descriptor left for the files that it sent
            child.process.join(timeout=5.0)  # if that is too short, its sentinel wakes the keeper later

    def _bury(self, child: _Child) -> None:
        """The images of a dead process become suspects. One of which TRIALS processes have died, alone in them, is
        given up.
        """
        child.forget()
        self._stillborn += not child.ready
        for entry in child.entries.values():
            entry.trials += entry.suspect
            entry.suspect = True
            if entry.trials >= TRIALS:
                late = child.process.exitcode == STUCK_EXIT
                reason = f"The image takes more than {self._time_limit:g} seconds." if late else DEADLY
                entry.settle(Failed(entry.id, "permanent", reason))
            else:
                self._suspects.append(entry)

    def _feed(self) -> None:
        """Suspects go to empty processes, one each; other jobs to the processes that have the fewest."""
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
        """Sends a job to a child. False if the child turns out to be dead; then the job is back in its line."""
        try:
            child.channel.send((entry.id, entry.recipe, entry.image))
        except OSError:
            (self._suspects if entry.suspect else self._waiting).appendleft(entry)
            return False
        child.entries[entry.id] = entry
        return True
