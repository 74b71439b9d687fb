"""Tells events to a program: a process for each, with the event in its environment and, as JSON, on standard input."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import threading
from typing import IO

from filterfleet.common.text import one_line
from filterfleet.listener.hooks.event import HookEvent
from filterfleet.listener.hooks.patience import Answer, Told
from filterfleet.listener.settings.hooks import Program

# Seconds that a program may run. More: slow programs end their work. Less: one that hangs holds up the others for less
# long.
LIMIT = 60.0
SAID = 500  # bytes of its last words that are quoted

# What only concerns our own process: a supervisor that is told things, sockets that were passed to us.
_OURS = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES")


class Run:
    """From any thread."""

    width = 4  # programs at once. More: events are told faster. Less: they take less of the machine.

    def __init__(self, program: Program) -> None:
        self._argv = program.argv
        self._lock = threading.Lock()
        self._running: set[int] = set()  # process groups

    def interrupt(self) -> None:
        """End what runs."""
        with self._lock:
            for group in self._running:
                _kill(group)

    def close(self) -> None:
        """Nothing is left to be closed."""

    def tell(self, event: HookEvent) -> Told:
        """The program takes an event by ending with the exit code 0."""
        with tempfile.TemporaryFile() as words:
            try:
                process = subprocess.Popen(
                    self._argv,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                    stderr=words,
                    env=_environment(event),
                    process_group=0,  # so that it can be ended with all that it has started
                )
            except OSError as error:
                return Told(Answer.AWAY, f"it cannot be started: {error.strerror}")
            except ValueError as error:  # a name that no environment can have
                return Told(Answer.REFUSED, f"it cannot be started: {error}")
            if not self._ends(process, event.body()):
                return Told(Answer.REFUSED, f"it ran for more than {LIMIT:g} s")
            if process.returncode == 0:
                return Told(Answer.TAKEN)
            return Told(Answer.REFUSED, f"exit code {process.returncode}{_last(words)}")

    def _ends(self, process: subprocess.Popen[bytes], body: bytes) -> bool:
        """Whether the process ends in time; else it is ended."""
        with self._lock:
            self._running.add(process.pid)
        in_time = True
        try:
            process.communicate(body, LIMIT)
        except subprocess.TimeoutExpired:
            in_time = False
        with self._lock:
            self._running.discard(process.pid)
            if not in_time:
                _kill(process.pid)
        process.wait()
        return in_time


def _kill(group: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def _environment(event: HookEvent) -> dict[str, str]:
    kept = {
        name: value for name, value in os.environ.items() if name not in _OURS and not name.startswith("FILTERFLEET_")
    }
    fields = {"EVENT": event.kind.value, "EVENT_ID": event.id}
    for name in ("source", "path", "reason"):
        if name in event.fields:
            fields[name.upper()] = str(event.fields[name]).replace("\0", "\\0")  # an environment ends there
    return kept | {f"FILTERFLEET_{name}": value for name, value in fields.items()}


def _last(words: IO[bytes]) -> str:
    size = words.seek(0, os.SEEK_END)
    words.seek(max(0, size - SAID))
    said = one_line(words.read().decode("utf-8", "replace").strip(), SAID)
    return f": {said}" if said else ""
