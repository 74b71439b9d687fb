"""rclone's server (`rclone rcd`), kept running: one process of our own that nobody else can speak to."""

from __future__ import annotations

import os
import select
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from filterfleet.common.backoff import Backoff
from filterfleet.common.logs import get_logger
from filterfleet.common.process.wakeup import Wakeup
from filterfleet.listener.cloud.rclone.errors import quoted
from filterfleet.listener.cloud.rclone.processes import Processes
from filterfleet.listener.interfaces import TransferError

SOCKET = "rclone.sock"
LOG = "rclone.log"
LOG_LIMIT = 1 << 20  # bytes, then the log begins anew and the one before is kept
START = 20.0  # seconds it may take until it answers
PROBE = 5.0  # seconds between questions whether it lives
ANSWER = 15.0  # seconds it has for the answer
PATIENCE = 10.0  # seconds a call waits for a server that is being started again
ENDING = 1.0  # seconds it may take to end by itself

log = get_logger("rclone")


class Daemon:
    """Started by the constructor, started again when it dies or hangs, ended by close()."""

    def __init__(
        self, processes: Processes, folder: Path, arguments: Sequence[str], probe: Callable[[float], bool]
    ) -> None:
        """probe(seconds): whether the server answers within that time."""
        self._processes = processes
        self._folder = folder
        self._arguments = ["rcd", f"--rc-addr=unix://{SOCKET}", "--rc-no-auth", *arguments]
        self._probe = probe
        self._log = BoundedLog(folder / LOG)
        self._wakeup = Wakeup()
        self._closed = False
        self._changed = threading.Condition()
        self._ready = False
        self._number = 0  # of the times that calls became possible
        self._thread = threading.Thread(target=self._run, name="rclone-daemon", daemon=True)
        self._thread.start()

    def wait(self) -> int:
        """Until the server answers; a number for lost(). Raises TransferError when that takes too long, and after
        close()."""
        with self._changed:
            self._changed.wait_for(lambda: self._ready or self._closed, PATIENCE)
            if self._closed:
                raise TransferError("The work with remotes has ended.", transient=True)
            if not self._ready:
                reason = quoted(self._log.tail)
                raise TransferError(f"rclone does not start; it says: {reason}", transient=True)
            return self._number

    def lost(self, number: int) -> None:
        """The server of that number broke a connection: let nobody call until it is seen whether it lives."""
        with self._changed:
            if self._ready and self._number == number:
                self._ready = False
                self._wakeup.set()

    def close(self) -> None:
        """End the server, and with it the calls under way. Once."""
        self._set(closed=True)
        self._wakeup.set()
        self._thread.join()
        self._wakeup.close()
        (self._folder / SOCKET).unlink(missing_ok=True)

    def _set(self, *, ready: bool = False, closed: bool = False) -> None:
        with self._changed:
            self._number += ready and not self._ready
            self._ready = ready
            self._closed = self._closed or closed
            self._changed.notify_all()

    def _run(self) -> None:
        backoff = Backoff(0.1, 5.0)
        while not self._closed:
            began = time.monotonic()
            try:
                (self._folder / SOCKET).unlink(missing_ok=True)  # left by one that was killed, it would be in the way
                self._log.tail = ""
                process = self._processes.start(self._arguments, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            except (OSError, RuntimeError) as error:
                self._log.write(str(error).encode())
            else:
                with process:
                    self._attend(process)
            self._set()
            if time.monotonic() - began > START:
                backoff.reset()
            if not self._closed:
                delay = backoff.next()
                log.warning("rclone ended, starting it again", delay=delay, reason=quoted(self._log.tail))
                select.select([self._wakeup], [], [], delay)
        self._log.close()

    def _attend(self, process: subprocess.Popen[bytes]) -> None:
        """Until the process has ended: by itself, by close(), or by us because it hangs."""
        try:
            deadline = time.monotonic() + START
            while not self._answers(0.5):
                if not self._read(process, 0.02) or time.monotonic() > deadline:
                    return
            self._set(ready=True)
            while self._read(process, PROBE):
                if not self._answers(ANSWER):
                    self._log.write(b"The server no longer answered and was killed.\n")
                    return
                self._set(ready=True)
        finally:
            self._end(process)

    def _answers(self, seconds: float) -> bool:
        return not self._closed and self._probe(seconds)

    def _read(self, process: subprocess.Popen[bytes], seconds: float) -> bool:
        """Write down what it says for so long, or until lost(); False when it has ended or is to end."""
        assert process.stderr is not None
        stderr, wakeup = process.stderr.fileno(), self._wakeup.fileno()
        deadline = time.monotonic() + seconds
        while not self._closed and (left := deadline - time.monotonic()) > 0:
            readable, _, _ = select.select([stderr, wakeup], [], [], left)
            if stderr in readable:
                said = os.read(stderr, 1 << 16)
                if not said:
                    return False
                self._log.write(said)
            if wakeup in readable:
                self._wakeup.clear()
                break
        return not self._closed

    @staticmethod
    def _end(process: subprocess.Popen[bytes]) -> None:
        process.terminate()
        try:
            process.wait(ENDING)
        except subprocess.TimeoutExpired:
            process.kill()


class BoundedLog:
    """A file for what a process says, and one for what it said before that."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("ab", buffering=0)
        self.tail = ""  # the last of it

    def write(self, said: bytes) -> None:
        self.tail = (self.tail + said.decode(errors="replace"))[-1000:]
        if self._file.tell() + len(said) > LOG_LIMIT:
            self._file.close()
            self._path.replace(self._path.with_suffix(".log.1"))
            self._file = self._path.open("ab", buffering=0)
        self._file.write(said)

    def close(self) -> None:
        self._file.close()
