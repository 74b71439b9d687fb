"""The machines that a page speaks of: home folders, in a network (network.py) that all of them see and nobody else.

`scp` copies between them. What a command exports, the later ones on the same machine find in their environment.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.docs.network import Network
from tests.docs.pages import ROOT
from tests.integration.harness import wait_until
from tests.unit.command_lines import words_of

DAEMONS = {"up", "broker", "worker", "listener", "dashboard"}
SERVERS = ("rclone serve ", "dask scheduler ", "dask worker ", "python -m tests.docs.drive ")
STARTED = (
    *(b" started ", b"Watching ", b"Scheduler at:", b"Registered to:"),
    *(b"Starting s3 server on", b"Serving s3 on", b"SFTP server listening on", b"WebDav Server started on"),
)
PATIENCE = 120.0  # seconds for a command, on a machine that is busy with others
EXPORTS = re.compile(r"(?:^|&& )export ")
SCP = """#!/bin/sh
# scp FROM MACHINE:TO
exec cp -p "$1" "$HOME/../${2%%:*}/${2#*:}"
"""


@dataclass(frozen=True)
class Daemon:
    """role: its command. bind: the address that it has for itself, if it names one."""

    machine: str
    role: str
    bind: str
    process: subprocess.Popen[bytes]

    def disturbs(self, machine: str, role: str, bind: str) -> bool:
        """Whether another one cannot start before it ends: they want the same port, or the same ledger."""
        if role == self.role and bind == self.bind:
            return machine == self.machine or bool(bind)
        ours = {role, self.role} <= DAEMONS
        return machine == self.machine and ours and (role == self.role == "listener" or "up" in (role, self.role))


class Machines:
    """Home folders below `root`, by the machines' names."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._logs = 0
        self._daemons: list[Daemon] = []
        self._network = Network(root)
        (root / "bin").mkdir()
        (root / "bin" / "scp").write_text(SCP)
        (root / "bin" / "scp").chmod(0o755)

    def home(self, machine: str) -> Path:
        folder = self.root / (machine or "here")
        folder.mkdir(exist_ok=True)
        return folder

    def run(self, machine: str, command: str, typed: Sequence[str] = ()) -> None:
        """To its end, unless it is a daemon, which ends those that it cannot run beside. Fails when it fails.

        typed: the lines that somebody types meanwhile.
        """
        role, bind = daemon(command)
        words = words_of(command) if command.startswith("filterfleet ") else [""]
        if role or words[0] == "up":
            self._end([one for one in self._daemons if one.disturbs(machine, role or "up", bind)])
        log = self._log()
        process = self._start(machine, command, log, typed)
        if role:
            self._daemons.append(Daemon(machine, role, bind, process))
            wait_until(
                lambda: process.poll() is not None or any(word in log.read_bytes() for word in STARTED),
                PATIENCE,
                command,
            )
            assert process.poll() is None, f"{command}: {log.read_text()}"
            return
        try:
            assert process.wait(PATIENCE) == 0, f"{command}: {log.read_text()}"
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise AssertionError(f"{command} does not end: {log.read_text()[-2000:]}") from None

    def _start(self, machine: str, command: str, log: Path, typed: Sequence[str]) -> subprocess.Popen[bytes]:
        if EXPORTS.search(command):
            command += f"\n[ $? = 0 ] && env --null > '{self._variables(machine)}'"
        with log.open("wb") as out:
            process = subprocess.Popen(
                self._network.argv(self.home(machine), command),
                env=self._environment(machine),
                stdin=subprocess.PIPE if typed else subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                process_group=0,
            )
        if process.stdin:
            with process.stdin as keyboard:
                keyboard.write("".join(f"{line}\n" for line in typed).encode())
        return process

    def _log(self) -> Path:
        self._logs += 1
        return self.root / f"{self._logs:02}.log"

    def _variables(self, machine: str) -> Path:
        """Where a command leaves its environment that exports something."""
        return self.root / f"{machine or 'here'}.environment"

    def _environment(self, machine: str) -> dict[str, str]:
        with contextlib.suppress(FileNotFoundError):
            exported = self._variables(machine).read_text().split("\0")
            return dict(each.split("=", 1) for each in exported if each)
        path = os.pathsep.join([str(self.root / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]])
        given = {name: value for name, value in os.environ.items() if not name.startswith(("FILTERFLEET_", "RCLONE_"))}
        home = str(self.home(machine))
        return given | {"HOME": home, "PATH": path, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}

    def _end(self, daemons: list[Daemon]) -> None:
        for one in reversed(daemons):
            one.process.send_signal(signal.SIGINT)
        for one in reversed(daemons):
            one.process.wait(30)
            self._daemons.remove(one)

    def close(self) -> None:
        self._end(list(self._daemons))
        self._network.close()


def daemon(command: str) -> tuple[str, str]:
    """What a command is that does not end by itself, and its address; empty if it ends."""
    if command.startswith(SERVERS):
        words = command.split()
        return " ".join(words[:2]), words[words.index("--addr") + 1] if "--addr" in words else ""
    if not (command.startswith("filterfleet ") or "=" in command.split()[0]):
        return "", ""
    words = words_of(command[command.index("filterfleet ") :]) if "filterfleet " in command else [""]
    if words[0] not in DAEMONS or "--once" in words:
        return "", ""
    return words[0], words[words.index("--bind") + 1] if "--bind" in words else ""
