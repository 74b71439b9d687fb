"""A process in the sandbox, and what it tries. Every attempt is made without the sandbox as well, and works there."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from filterfleet.worker.sandbox import landlock

# What a worker needs. Everything else that the program tries is to be refused.
NEEDED = ("connect to the broker", "a file in $TMPDIR", "a thread", "load a codec", "a signal to itself")
# What the kernel may refuse to us without any sandbox: we are not root, or it has no such thing.
PRIVILEGED = {
    *("ptrace", "process_vm_readv", "keyctl", "bpf", "mount", "unshare", "setns", "userfaultfd", "io_uring_setup"),
    *("connect elsewhere by MPTCP", "connect elsewhere without connect()", "go first"),
}


def kernel() -> int:
    """The version of the kernel's Landlock; 0 when it has none."""
    with contextlib.suppress(OSError):
        return landlock.version()
    return 0


needs_landlock = pytest.mark.skipif(
    kernel() < 6 or platform.machine() != "x86_64", reason="needs Landlock 6, and numbers of system calls of x86-64"
)


class Place(NamedTuple):
    """Outside the rules: a file, a folder and a port. Inside: a port, and the folder for $TMPDIR."""

    file: Path
    folder: Path
    broker: int
    other: int
    spool: Path

    def attack(self, mode: str) -> dict[str, str]:
        program = (sys.executable, "-P", "-m", "tests.integration.sandbox_attacks")
        root = Path(__file__).parents[2]
        path = os.pathsep.join([str(root), *filter(None, [os.environ.get("PYTHONPATH")])])
        ended = subprocess.run(
            [*program, mode, self.file, self.folder, str(self.broker), str(self.other), str(os.getpid())],
            env=os.environ | {"TMPDIR": str(self.spool), "PYTHONPATH": path},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert ended.returncode == 0, ended.stderr
        found: dict[str, str] = json.loads(ended.stdout)
        return found


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    (folder := tmp_path / "outside").mkdir()
    (spool := tmp_path / "spool").mkdir()
    (file := folder / "secret").write_text("secret")
    with socket.create_server(("127.0.0.1", 0)) as broker, socket.create_server(("127.0.0.1", 0)) as other:
        yield Place(file, folder, broker.getsockname()[1], other.getsockname()[1], spool)


@needs_landlock
@pytest.mark.parametrize("mode", ["worker", "engine"])
def test_an_attacker_reaches_nothing(place: Place, mode: str) -> None:
    found = place.attack(mode)
    assert re.fullmatch(r"no_new_privs, Landlock ABI \d+, seccomp", found.pop("said"))
    done = {name for name, outcome in found.items() if outcome == "done"}
    assert done == {*NEEDED} - ({"connect to the broker"} if mode == "engine" else set())
    refused = {found[name] for name in found if name not in done}
    assert refused <= {"EACCES", "EPERM", "EXDEV"}, found  # EXDEV: Landlock refuses a link
    assert place.file.read_text() == "secret"
    assert os.listdir(place.folder) == ["secret"]


@needs_landlock
def test_without_the_sandbox_it_would(place: Place) -> None:
    """Else the test above would show nothing."""
    found = place.attack("none")
    assert {name for name, outcome in found.items() if outcome != "done"} <= {"said", *PRIVILEGED}, found
