"""What an image could try once it has taken over a decoder. Run as a program, it tries everything, and prints a JSON
object: for each attempt the name of the error that refused it, or "done".

Arguments: whether to enter the sandbox (worker, engine or none), a file outside, a folder outside, the port of the
broker, another port, and the pid of a process of the same user.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import json
import os
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

from filterfleet.worker.sandbox.confinement import enter
from filterfleet.worker.sandbox.syscalls import REFUSED, SOME

TIOCSTI = 0x5412
MPTCP, FASTOPEN, SOCK_RAW = 262, 0x20000000, 3
# What would end the program, or its other attempts, if it worked.
FINAL = ("become a program", "become another user", "remove a file", "cut a file", "type on the terminal")
NAMES = ("ptrace", "process_vm_readv", "keyctl", "bpf", "mount", "unshare", "setns", "userfaultfd", "io_uring_setup")


def call(name: str, *arguments: int) -> None:
    """A system call with these numbers, on x86-64."""
    libc = ctypes.CDLL(None, use_errno=True)
    number = {**REFUSED, **SOME}[name][0]
    if libc.syscall(number, *map(ctypes.c_long, arguments)) < 0:
        raise OSError(ctypes.get_errno(), errno.errorcode[ctypes.get_errno()])


def connect(port: int, kind: int = socket.SOCK_STREAM, protocol: int = 0) -> None:
    with socket.socket(socket.AF_INET, kind, protocol) as peer:
        peer.settimeout(5)
        peer.connect(("127.0.0.1", port))


def without_connect(port: int) -> None:
    with socket.socket() as peer:
        peer.settimeout(5)
        peer.sendto(b"x", FASTOPEN, ("127.0.0.1", port))


def execute() -> None:
    if (child := os.fork()) == 0:
        with contextlib.suppress(OSError):
            os.execv("/bin/sh", ["sh", "-c", "exit 7"])
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7


def listen() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()


def attempts(file: Path, folder: Path, broker: int, other: int, pid: int) -> dict[str, Callable[[], object]]:
    spool = Path(tempfile.gettempdir())
    return {
        "read a file": file.read_text,
        "read it from another thread": lambda: in_thread(file.read_text),
        "read it by way of /proc/self/root": Path(f"/proc/self/root{file}").read_text,
        "list a folder": lambda: os.listdir(folder),
        "write a file": lambda: (folder / "new").write_text("x"),
        "change a file's mode": lambda: file.chmod(0o666),
        "change a file's time": lambda: os.utime(file),
        "cut a file": lambda: os.truncate(file, 0),
        "remove a file": file.unlink,
        "link to a file": lambda: os.link(file, spool / "link"),
        "a symbolic link": lambda: (spool / "symlink").symlink_to(file),
        "connect elsewhere": lambda: connect(other),
        "connect elsewhere without connect()": lambda: without_connect(other),
        "connect elsewhere by MPTCP": lambda: connect(other, protocol=MPTCP),
        "UDP": lambda: connect(other, socket.SOCK_DGRAM),
        "a socket of the machine": lambda: socket.socket(socket.AF_UNIX),
        "netlink": lambda: socket.socket(socket.AF_NETLINK, SOCK_RAW),
        "listen": listen,
        "run a program": execute,
        "become a program": lambda: os.execv("/bin/true", ["true"]),
        "another's memory": lambda: Path(f"/proc/{pid}/mem").open("r+b").close(),
        "another's environment": Path(f"/proc/{pid}/environ").read_bytes,
        "signal another": lambda: os.kill(pid, 0),
        "signal another's thread": lambda: call("tgkill", pid, pid, 0),
        "limits of another": lambda: call("prlimit64", pid, 7, 0, 0),
        "go first": lambda: os.nice(-1),
        "become another user": lambda: os.setresuid(65534, 65534, 65534),
        "type on the terminal": lambda: fcntl.ioctl(0, TIOCSTI, b"x"),
        **{name: lambda name=name: call(name, pid, 0, 0, 0, 0) for name in NAMES},  # type: ignore[misc]
        # What a worker does need.
        "connect to the broker": lambda: connect(broker),
        "a file in $TMPDIR": lambda: tempfile.TemporaryFile().write(b"x"),
        "a thread": lambda: in_thread(os.getpid),
        "load a codec": lambda: __import__("pillow_heif"),
        "a signal to itself": lambda: signal.raise_signal(0),
    }


def in_thread(function: Callable[[], object]) -> None:
    raised: list[OSError] = []

    def run() -> None:
        try:
            function()
        except OSError as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if raised:
        raise raised[0]


def outcome(attempt: Callable[[], object]) -> str:
    try:
        attempt()
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, str(error))
    return "done"


def main() -> None:
    mode, file, folder, *numbers = sys.argv[1:]
    broker, other, pid = map(int, numbers)
    said = enter([broker] if mode == "worker" else []) if mode != "none" else ""
    found = {
        name: outcome(attempt)
        for name, attempt in attempts(Path(file), Path(folder), broker, other, pid).items()
        if mode != "none" or name not in FINAL
    }
    print(json.dumps({"said": said, **found}))


if __name__ == "__main__":
    main()
