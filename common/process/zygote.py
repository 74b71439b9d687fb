"""A zygote: a process that loads a role's modules while the command loads its own, and then forks the role's processes.

It is forked from the command before that has loaded anything, so there is no thread, lock or socket that a fork could
copy, and the processes have nothing in memory that they do not need. It forks once and ends; the processes become
children of the command. One that dies later is replaced by a new interpreter, since the command has threads by then.
Linux only: elsewhere there are no zygotes, and every process is a new interpreter.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

from filterfleet.common.process.ending import end
from filterfleet.common.process.interrupt import as_usual
from filterfleet.common.process.loading import loading
from filterfleet.common.process.system import adopt_orphans, die_with_parent
from filterfleet.common.process.title import set_title

MESSAGE_LIMIT = 1 << 20  # bytes: an environment has at most 128 KiB
_ENDED = b"null"  # what the command sends behind the last birth


@dataclass(frozen=True, slots=True)
class Birth:
    """A process to fork: what `python -P -m module arguments` would start.

    environment is added to that of the command. stdin is a descriptor, or None for /dev/null; output is one for
    standard output and error, or None to share the command's. own_group: it gets a process group, and so Ctrl-C does
    not reach it; without, it never sees SIGINT.
    """

    module: str
    arguments: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    stdin: int | None = None
    output: int | None = None
    own_group: bool = True


class Forked:
    """A child that a zygote has forked, with the methods of subprocess.Popen that a parent needs."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._reaping = threading.Lock()  # any thread may ask

    def poll(self) -> int | None:
        """The exit code, negative for a signal, or None while it runs."""
        return self._reap(os.WNOHANG)

    def wait(self) -> int:
        code = self._reap(0)
        assert code is not None
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _reap(self, flags: int) -> int | None:
        with self._reaping:
            if self.returncode is None:
                pid, status = os.waitpid(self.pid, flags)
                if pid:
                    self.returncode = os.waitstatus_to_exitcode(status)
            return self.returncode


class Zygote:
    """The command's end."""

    def __init__(self, pid: int, channel: socket.socket, go: int) -> None:
        self._pid = pid
        self._channel = channel
        self._go = go  # the children begin when this is closed
        self._expected = 0

    def fileno(self) -> int:
        """Readable when it has forked a child, or is dead."""
        return self._channel.fileno()

    def send(self, births: Sequence[Birth]) -> None:
        """Have these forked."""
        self._expected = len(births)
        try:
            for birth in births:
                fds = [fd for fd in (birth.stdin, birth.output) if fd is not None]
                socket.send_fds(self._channel, [json.dumps(_as_map(birth)).encode()], fds)
            self._channel.send(_ENDED)
        except OSError:  # it is dead, or a birth too long: children() will see that some are missing
            with contextlib.suppress(OSError):
                self._channel.shutdown(socket.SHUT_RDWR)

    def children(self) -> list[Forked]:
        """The children that were sent for, as soon as they are ours. None of them when the zygote has died before it
        had forked them all."""
        children: list[Forked] = []
        with contextlib.suppress(OSError):
            while len(children) < self._expected and (said := self._channel.recv(64)):
                children.append(Forked(int(said)))
        os.waitpid(self._pid, 0)  # now its children are ours
        complete = len(children) == self._expected
        if not complete:
            for child in children:
                child.kill()
                child.wait()
        os.close(self._go)
        self._channel.close()
        return children if complete else []


_waiting: dict[str, Zygote] = {}  # by the module of their processes


def prepare(module: str, loads: Sequence[str]) -> None:
    """Fork a zygote for processes that run this module, which loads the others. To be called before the program has
    opened a file or started a thread: with threads, this does nothing."""
    if sys.platform == "linux" and _has_one_thread() and adopt_orphans(False):
        with contextlib.suppress(OSError):  # no pidfd in this kernel, or no room for a process
            os.close(os.pidfd_open(os.getpid()))
            _waiting[module] = _start(loads)


def claim(module: str) -> Zygote | None:
    """The zygote for this module, for one use."""
    return _waiting.pop(module, None)


def fork(*requests: tuple[Zygote, Sequence[Birth]]) -> list[list[Forked]]:
    """The processes of each request, or none for a zygote that could not fork them all. No other thread may be there
    whose children fork."""
    adopt_orphans(True)
    for zygote, births in requests:
        zygote.send(births)
    children: dict[Zygote, list[Forked]] = {}
    while waiting := [zygote for zygote, _ in requests if zygote not in children]:
        for zygote in select.select(waiting, [], [])[0]:  # some have more to load than others
            children[zygote] = zygote.children()
    adopt_orphans(False)
    return [children[zygote] for zygote, _ in requests]


def _has_one_thread() -> bool:
    return threading.active_count() == len(os.listdir("/proc/self/task")) == 1


def _start(modules: Sequence[str]) -> Zygote:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    waits, go = os.pipe()
    command = os.getpid()
    if (pid := os.fork()) == 0:
        try:
            set_title("filterfleet zygote")
            _waiting.clear()  # and close their sockets, before others get the numbers of these
            ours.close()
            _close_all_but(theirs.fileno(), waits)
            _serve(command, modules, theirs, waits)
        finally:
            os._exit(1)  # whatever has happened, this process must not go on as the command
    theirs.close()
    os.close(waits)
    return Zygote(pid, ours, go)


# --- in the zygote ----


def _serve(command: int, modules: Sequence[str], channel: socket.socket, waits: int) -> NoReturn:
    """Load the modules, fork, end."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # it is for the command
    as_usual()
    die_with_parent(command)
    if not sys.flags.safe_path:
        del sys.path[0]  # of the script; a folder `filterfleet` in it must not be imported
    with loading():  # what it freezes stays shared: a collection would write to each object, and so copy its memory
        for module in modules:
            with contextlib.suppress(Exception):  # the process that needs it will say what is wrong
                importlib.import_module(module)
    gc.enable()  # the command was loading when it was forked
    while True:
        try:
            text, fds, _, _ = socket.recv_fds(channel, MESSAGE_LIMIT, 2)
            if not text or text == _ENDED:
                os._exit(0)
            if child := os.fork():
                for fd in fds:
                    os.close(fd)
                channel.send(str(child).encode())
        except OSError:  # no room for a process, or nobody to tell: the command starts those that are missing
            os._exit(1)
        if not child:
            channel.close()
            _begin(json.loads(text), fds, waits, command)


def _begin(birth: dict[str, Any], fds: list[int], waits: int, command: int) -> NoReturn:
    """In a child: become the process."""
    os.read(waits, 1)  # its end: from now on the command is the parent
    if os.getppid() != command:  # it has died
        os._exit(1)
    os.close(waits)
    stdin = fds.pop(0) if birth["stdin"] else os.open(os.devnull, os.O_RDONLY)
    os.dup2(stdin, 0)
    os.close(stdin)
    for output in fds:
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.close(output)
    if birth["own_group"]:
        os.setpgid(0, 0)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    os.environ.update(birth["environment"])
    sys.argv = [birth["module"], *birth["arguments"]]
    set_title(" ".join(sys.argv))
    code: object = None
    try:
        runpy.run_module(birth["module"], run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        code = ended.code
    except BaseException:  # noqa: BLE001 - as the interpreter does
        sys.excepthook(*sys.exc_info())
        code = 1
    end(code)


def _as_map(birth: Birth) -> dict[str, Any]:
    return {
        "module": birth.module,
        "arguments": list(birth.arguments),
        "environment": dict(birth.environment),
        "stdin": birth.stdin is not None,
        "own_group": birth.own_group,
    }


def _close_all_but(*kept: int) -> None:
    before = 2
    for fd in sorted(kept):
        os.closerange(before + 1, fd)
        before = fd
    os.closerange(before + 1, os.sysconf("SC_OPEN_MAX"))
