"""rclone's server (`rclone rcd`): one private process, watched and started again when it dies or hangs."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from filterfleet.common.backoff import Backoff
from filterfleet.common.logs import get_logger
from filterfleet.common.private import open_log
from filterfleet.common.process.wakeup import Wakeup
from filterfleet.listener.cloud.polling import readable
from filterfleet.listener.cloud.rclone.errors import quoted
from filterfleet.listener.cloud.rclone.processes import Processes
from filterfleet.listener.cloud.settings import (
    ANSWER,
    ENDING,
    FIRST_PAUSE,
    LOG_LIMIT,
    LONGEST_PAUSE,
    PROBE,
    SERVER_WAIT,
    START,
    START_ANSWER,
    START_PROBE,
)
from filterfleet.listener.interfaces import TransferError

SOCKET = "rclone.sock"
LOG = "rclone.log"
TAIL = 1000  # characters of the log that are kept for messages
LINE_LIMIT = 1 << 16  # bytes of a line that has not ended, until it is written all the same

log = get_logger("rclone")


class Daemon:
    """The server and the thread that watches it. The constructor starts both, close() ends both."""

    def __init__(
        self,
        processes: Processes,
        folder: Path,
        arguments: Sequence[str],
        probe: Callable[[float], bool],
        hide: Callable[[str], str],
    ) -> None:
        """folder: for the socket and the log. probe(seconds): whether the server answers within that time. hide(text):
        the text without secrets."""
        self._processes = processes
        self._folder = folder
        self._arguments = ["rcd", f"--rc-addr=unix://{SOCKET}", "--rc-no-auth", *arguments]
        self._probe = probe
        self._log = BoundedLog(folder / LOG, hide)
        self._wakeup = Wakeup()
        self._closed = False
        self._changed = threading.Condition()
        self._ready = False
        self._number = 0  # how often the server has become ready
        self._thread = threading.Thread(target=self._run, name="rclone-daemon", daemon=True)
        self._thread.start()

    def wait(self) -> int:
        """Wait until the server answers, and return a number for lost().

        Raises TransferError when the server does not answer within SERVER_WAIT, and after close().
        """
        with self._changed:
            self._changed.wait_for(lambda: self._ready or self._closed, SERVER_WAIT)
            if self._closed:
                raise TransferError("The work with remotes has ended.", transient=True)
            if not self._ready:
                reason = quoted(self._log.tail)
                raise TransferError(f"rclone does not start; it says: {reason}", transient=True)
            return self._number

    def lost(self, number: int) -> None:
        """Report that the server with that number broke a connection: wait() blocks until it has been probed."""
        with self._changed:
            if self._ready and self._number == number:
                self._ready = False
                self._wakeup.set()

    def close(self) -> None:
        """End the server, and with it the calls under way. To be called once."""
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
        backoff = Backoff(FIRST_PAUSE, LONGEST_PAUSE)
        while not self._closed:
            began = time.monotonic()
            self._serve()
            self._set()
            if time.monotonic() - began > START:
                backoff.reset()
            if not self._closed:
                delay = backoff.next()
                log.warning("rclone ended, starting it again", delay=delay, reason=quoted(self._log.tail))
                readable(delay, self._wakeup)
        self._log.close()

    def _serve(self) -> None:
        """Start the server and stay with it until it has ended."""
        try:
            (self._folder / SOCKET).unlink(missing_ok=True)  # a killed server leaves its socket, which blocks the next
            self._log.tail = ""
            process = self._processes.start(self._arguments, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        except (OSError, RuntimeError) as error:
            self._log.write(f"{error}\n".encode())
            return
        with process:
            self._attend(process)

    def _attend(self, process: subprocess.Popen[bytes]) -> None:
        """Return when the process has ended: by itself, through close(), or because it hung and was ended here."""
        try:
            deadline = time.monotonic() + START
            while not self._answers(START_ANSWER):
                if not self._read(process, START_PROBE) or time.monotonic() > deadline:
                    return
            self._set(ready=True)
            while self._read(process, PROBE):
                if not self._answers(ANSWER):
                    self._log.write(b"The server had stopped answering and was killed.\n")
                    return
                self._set(ready=True)
        finally:
            self._end(process)

    def _answers(self, seconds: float) -> bool:
        return not self._closed and self._probe(seconds)

    def _read(self, process: subprocess.Popen[bytes], seconds: float) -> bool:
        """Log what the process says for this time, or until lost() is called. False when it has ended or must end."""
        assert process.stderr is not None
        deadline = time.monotonic() + seconds
        while not self._closed and (left := deadline - time.monotonic()) > 0:
            ready = readable(left, process.stderr, self._wakeup)
            if process.stderr.fileno() in ready:
                said = os.read(process.stderr.fileno(), 1 << 16)
                if not said:
                    return False
                self._log.write(said)
            if self._wakeup.fileno() in ready:
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
    """A log file of at most LOG_LIMIT bytes, and the one before it. Nobody else can read them."""

    def __init__(self, path: Path, hide: Callable[[str], str] = str) -> None:
        """hide(text): the text without secrets. Raises OSError."""
        self._path = path
        self._hide = hide
        self._file = open_log(path)
        self._rest = b""  # the beginning of a line: a secret could be cut in two where it ends
        self.tail = ""  # the last TAIL characters

    def write(self, said: bytes) -> None:
        lines, newline, self._rest = (self._rest + said).rpartition(b"\n")
        if len(self._rest) > LINE_LIMIT:
            lines, newline, self._rest = lines + newline + self._rest, b"", b""
        self._keep(lines + newline)

    def _keep(self, lines: bytes) -> None:
        text = self._hide(lines.decode(errors="surrogateescape"))
        shown = text.encode(errors="surrogateescape")
        self.tail = (self.tail + shown.decode(errors="replace"))[-TAIL:]
        if self._file.tell() + len(shown) > LOG_LIMIT:
            self._file.close()
            self._path.replace(self._path.with_suffix(".log.1"))
            self._file = open_log(self._path)
        self._file.write(shown)

    def close(self) -> None:
        self._keep(self._rest)
        self._file.close()
