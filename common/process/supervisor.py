"""A parent that keeps processes running: it restarts those that die, and kills those that hang.

The children speak sd_notify(3) with it as they would with systemd: READY=1, and WATCHDOG=1 while they live.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path
from typing import Self

from filterfleet.common.backoff import Backoff
from filterfleet.common.errors import FleetError
from filterfleet.common.logs import get_logger, handed_down
from filterfleet.common.private import open_log
from filterfleet.common.process.command import SUPERVISOR
from filterfleet.common.process.notify import NUMBERS, STATUS_LIMIT, Notifier
from filterfleet.common.process.renewal import Renewal
from filterfleet.common.process.wakeup import Caught, ReloadSignal, StopSignal
from filterfleet.common.process.zygote import Birth, Forked, claim, fork
from filterfleet.common.text import one_line
from filterfleet.common.words import of_processes

# When a child is restarted, and how soon.
#
# WATCHDOG: seconds of silence, counted from its start, after which a child is killed. More forgives a process that a
# busy machine or a slow disk holds up; less ends a hang sooner.
WATCHDOG = 30.0
# RESTART_DELAY, LONGEST_DELAY: seconds between the end of a child and its next start. The delay is the first one after
# a signal, and doubles up to the longest one while a child keeps ending by itself. More spares the machine a process
# that fails again and again; less brings the fleet back sooner.
RESTART_DELAY = 0.1
LONGEST_DELAY = 5.0
# STABLE: seconds after which a child counts as well started: its next delay is the first one again. It has to be longer
# than a process takes to fail at its start, or the delay never grows.
STABLE = 10.0
# USAGE_EXIT: the exit code of a process that cannot do what it was told. A child that ends with it before it was ever
# ready would do so again, so it is not restarted and ends the whole fleet.
USAGE_EXIT = 2

MESSAGE_LIMIT = 256 << 10  # bytes of a message of a child: Linux refuses to send more, unless it is told to

TURN = 0.1  # seconds between looks at the children, if none of them ends before

Process = subprocess.Popen[bytes] | Forked

log = get_logger("supervisor")


@dataclass(frozen=True, slots=True)
class Spec:
    """A process to keep running.

    arguments are those behind the interpreter; if they begin with "-m" and a module, a zygote may fork the first
    process. environment is added to ours; log is a file for its output, or None to share ours; final are the exit codes
    that mean it has done its work; last: it is told to end only when the others have ended, because they need it for
    that; delay: seconds until its first start, which leaves the processor to the others.
    """

    name: str
    arguments: Sequence[str]
    log: Path | None = None
    final: frozenset[int] = frozenset()
    last: bool = False
    delay: float = 0.0
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Child:
    """A Spec and its process, if that runs. Instants are in seconds of time.monotonic. numbers are what it told last,
    at the instant told (common.metrics.telling)."""

    spec: Spec
    socket: socket.socket
    address: str
    process: Process | None = None
    ended: int | None = None  # a descriptor that becomes readable when the process ends, where the system has one
    ready: bool = False
    leaving: bool = False  # it was told to end, and the next one is to be started as soon as it has
    served: bool = False  # it was ready once, so whatever keeps it from starting now (a full disk) may pass
    heard: float = 0.0
    started: float = 0.0
    start_at: float = 0.0
    numbers: bytes = b""
    told: float = 0.0
    exit_code: int | None = None  # set once it has ended for good
    status: str = ""  # what it says that it does
    backoff: Backoff = field(default_factory=lambda: Backoff(RESTART_DELAY, LONGEST_DELAY))


class Supervisor:
    """A context manager. turn() does what is due, and must be called a few times a second."""

    def __init__(self, specs: Sequence[Spec], patience: float) -> None:
        """patience: seconds that children have to end after SIGTERM, before they are killed."""
        self._patience = patience
        self.children = [self._child(spec, n) for n, spec in enumerate(specs)]
        self._forked = False
        self._renewal = Renewal(patience)

    def _child(self, spec: Spec, number: int) -> Child:
        # An abstract address leaves no file behind, however we end, and nobody else can guess it.
        name = f"filterfleet-{os.getpid()}-{number}-{secrets.token_hex(16)}"
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        listener.bind("\0" + name)
        listener.setblocking(False)
        return Child(spec, listener, "@" + name, start_at=time.monotonic() + spec.delay)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def ready(self) -> bool:
        return all(child.ready for child in self.children)

    @property
    def status(self) -> str:
        """What the children say that they do."""
        told = [(child.spec.name, child.status if child.process else "not running") for child in self.children]
        return of_processes(told)

    def turn(self) -> None:
        """Start, hear, restart and kill children. Raises FleetError when one of them can never start."""
        if not self._forked:
            self._forked = True
            self._fork()
        for child in self.children:
            self._listen(child)
            if child.exit_code is not None:
                continue
            if child.process is None:
                if child.start_at <= time.monotonic():
                    self._start(child)
            elif (code := child.process.poll()) is not None:
                self._on_exit(child, code)
            elif time.monotonic() - child.heard > WATCHDOG:
                log.error("process hangs, killing it", process=child.spec.name, pid=child.process.pid)
                child.process.kill()

        self._renewal.turn()

    def renew(self, specs: Iterable[Spec]) -> None:
        """Replace children, one after another, by processes with the specs of the same names."""
        self._renewal.begin(self.children, specs)

    def wait(self, *signals: Caught) -> None:
        """Until a child ends, a signal comes, or TURN seconds have passed."""
        ends = [child.ended for child in self.children if child.ended is not None]
        select.select([*ends, *(caught.fileno() for caught in signals)], [], [], TURN)

    def _fork(self) -> None:
        """Have the zygotes that wait fork all the children that they can. The other children are started one by one."""
        births: dict[str, list[Child]] = {}
        for child in self.children:
            if child.spec.arguments[0] == "-m":
                births.setdefault(child.spec.arguments[1], []).append(child)
        with contextlib.ExitStack() as stack:
            asked = [(zygote, children) for module, children in births.items() if (zygote := claim(module))]
            forked = fork(*((zygote, [self._birth(child, stack) for child in children]) for zygote, children in asked))
            for (_, children), processes in zip(asked, forked, strict=True):
                for child, process in zip(children, processes, strict=False):  # those without one are started
                    self._started(child, process)

    def _birth(self, child: Child, stack: contextlib.ExitStack) -> Birth:
        _, module, *arguments = child.spec.arguments
        output = stack.enter_context(_opened(child.spec.log)).fileno() if child.spec.log else None
        return Birth(module, arguments, self._environment(child), output=output)

    def _start(self, child: Child) -> None:
        # -P: a folder `filterfleet` in the working directory must not be imported.
        argv = [sys.executable, "-P", *child.spec.arguments]
        with contextlib.ExitStack() as stack:
            output = stack.enter_context(_opened(child.spec.log)) if child.spec.log else None
            process = subprocess.Popen(
                argv,
                env={**os.environ, **self._environment(child)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                process_group=0,  # Ctrl-C reaches us alone, and we end the children in our order
            )
        self._started(child, process)

    def _environment(self, child: Child) -> dict[str, str]:
        """What is added to our environment."""
        return {
            **handed_down(),
            **child.spec.environment,
            "NOTIFY_SOCKET": child.address,
            "WATCHDOG_USEC": str(int(WATCHDOG * 1e6)),
            SUPERVISOR: str(os.getpid()),
        }

    def _started(self, child: Child, process: Process) -> None:
        child.process = process
        child.ended = _end_of(process.pid)
        child.ready = False
        child.numbers = b""
        child.status = ""
        child.started = child.heard = time.monotonic()

    def _listen(self, child: Child) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                text = child.socket.recv(MESSAGE_LIMIT)
                child.heard = time.monotonic()
                if text.startswith(NUMBERS):
                    child.numbers, child.told = text.removeprefix(NUMBERS), child.heard
                elif b"READY=1" in text:
                    child.ready = child.served = True
                if text.startswith(b"STATUS="):
                    child.status = one_line(text.removeprefix(b"STATUS=").decode(errors="replace"), STATUS_LIMIT)

    def _on_exit(self, child: Child, code: int) -> None:
        assert child.process is not None
        pid = child.process.pid
        _forget(child)
        if child.leaving:
            child.leaving = child.ready = False
            child.start_at = child.started = time.monotonic()
            return
        if code in child.spec.final:
            child.exit_code = code
            return
        if code == USAGE_EXIT and not child.served:
            raise FleetError(last_line(child.spec.log) or f"The {child.spec.name} cannot start, see above.")
        if time.monotonic() - child.started > STABLE:
            child.backoff.reset()
        # A signal is not the child's own fault, and waiting longer would only starve a fleet under fire.
        delay = RESTART_DELAY if code < 0 else child.backoff.next()
        child.start_at = time.monotonic() + delay
        log.warning("process died, starting it again", process=child.spec.name, pid=pid, exit_code=code, delay=delay)

    def stop(self, hurry: Callable[[], bool] = lambda: False) -> None:
        """Send SIGTERM to all children but the last ones, and to those when the others have ended.

        Children get a second SIGTERM when hurry() is true, and SIGKILL when patience is over.
        """
        deadline = time.monotonic() + self._patience
        for last in (False, True):
            self._end([child for child in reversed(self.children) if child.spec.last is last], deadline, hurry)

    def _end(self, children: Sequence[Child], deadline: float, hurry: Callable[[], bool]) -> None:
        running = [child.process for child in children if child.process is not None]
        ends = [child.ended for child in children if child.ended is not None]
        hurried = False
        for process in running:
            process.send_signal(signal.SIGTERM)
            process.send_signal(signal.SIGCONT)  # as systemd does: a stopped process could not end
        while any(process.poll() is None for process in running) and time.monotonic() < deadline:
            if hurry() and not hurried:
                hurried = True
                for process in running:
                    process.send_signal(signal.SIGTERM)
            ended = select.select(ends, [], [], TURN / 2)[0]
            ends = [end for end in ends if end not in ended]
        for process in running:
            process.kill()
            process.wait()
        for child in children:
            _forget(child)
            child.socket.close()


def _end_of(pid: int) -> int | None:
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):  # a system or a kernel without it: the next turn will see
        return None


def _forget(child: Child) -> None:
    child.process = None
    if child.ended is not None:
        os.close(child.ended)
        child.ended = None


def _opened(log: Path) -> FileIO:
    try:
        return open_log(log)
    except OSError as error:
        raise FleetError(f"The log {log} cannot be written: {error.strerror}.") from None


def last_line(log: Path | None) -> str:
    """The sentence a child ended with, if its output goes to a file."""
    lines: list[str] = []
    if log is not None:
        with contextlib.suppress(OSError):  # it has been removed
            lines = log.read_text(errors="replace").strip().splitlines()
    return sentence_of(lines[-1]) if lines else ""


def sentence_of(line: str) -> str:
    """What a process has ended with, from the line of its log in any form."""
    with contextlib.suppress(ValueError, TypeError, KeyError):
        return str(json.loads(line)["reason"])
    return re.sub(r"^(<\d>)?filterfleet: ", "", line)


def supervise(
    specs: Sequence[Spec],
    *,
    patience: float,
    watch: Callable[[Supervisor], bool] | None = None,
    reread: Callable[[], Sequence[Spec]] | None = None,
) -> None:
    """Keep processes running until SIGTERM or SIGINT comes, or watch(supervisor) returns True.

    With reread, SIGHUP replaces the processes for which it returns other specs.
    """
    notifier = Notifier()
    announced = False
    with contextlib.ExitStack() as stack:
        stop = stack.enter_context(contextlib.closing(StopSignal()))
        reload = stack.enter_context(contextlib.closing(ReloadSignal())) if reread else None
        supervisor = stack.enter_context(Supervisor(specs, patience))
        while not stop.is_set:
            if reread and reload and reload.take():
                supervisor.renew(reread())
            supervisor.turn()
            if watch and watch(supervisor):
                break
            if supervisor.ready and not announced:
                announced = True
                notifier.ready()
            notifier.alive()
            notifier.status(lambda: supervisor.status)
            supervisor.wait(stop, *((reload,) if reload else ()))
        notifier.stopping()
        supervisor.stop(hurry=lambda: stop.count > 1)
