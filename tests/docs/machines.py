"""The machines that a page speaks of: home folders, in a network that all of them see and nobody else.

`scp` copies between them. `head` is a name of the first address.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.docs.pages import ROOT
from tests.integration.harness import wait_until
from tests.unit.command_lines import words_of

DAEMONS = {"up", "broker", "worker", "listener", "dashboard"}
ADDRESSES = ("192.168.1.10", "192.168.1.11", "192.0.2.10")
NETWORK = "ip link set lo up && {} && echo up && exec sleep infinity".format(
    " && ".join(f"ip address add {address}/24 dev lo" for address in ADDRESSES)
)
STARTED = (b" started ", b"Watching ", b"Starting s3 server on", b"Serving s3 on")
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
        self._network = subprocess.Popen(["unshare", "--net", "sh", "-c", NETWORK], stdout=subprocess.PIPE)
        assert self._network.stdout is not None
        if self._network.stdout.readline() != b"up\n":
            self.close()
            pytest.skip("this machine does not let us make a network")
        (root / "bin").mkdir()
        (root / "bin" / "scp").write_text(SCP)
        (root / "bin" / "scp").chmod(0o755)

    def home(self, machine: str) -> Path:
        folder = self.root / (machine or "here")
        folder.mkdir(exist_ok=True)
        return folder

    def run(self, machine: str, command: str) -> None:
        """To its end, unless it is a daemon, which ends those that it cannot run beside. Fails when it fails."""
        role, bind = daemon(command)
        words = words_of(command) if command.startswith("filterfleet ") else [""]
        if role or words[0] == "up":
            self._end([one for one in self._daemons if one.disturbs(machine, role or "up", bind)])
        log = self._log()
        with log.open("wb") as out:
            process = subprocess.Popen(
                ["nsenter", "--net", "--target", str(self._network.pid), "bash", "-c", command],
                cwd=self.home(machine),
                env=self._environment(machine),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
            )
        if role:
            self._daemons.append(Daemon(machine, role, bind, process))
            wait_until(
                lambda: process.poll() is not None or any(word in log.read_bytes() for word in STARTED), 60, command
            )
            assert process.poll() is None, f"{command}: {log.read_text()}"
            return
        assert process.wait(60) == 0, f"{command}: {log.read_text()}"

    def _log(self) -> Path:
        self._logs += 1
        return self.root / f"{self._logs:02}.log"

    def _environment(self, machine: str) -> dict[str, str]:
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
        self._network.kill()
        self._network.communicate()


def daemon(command: str) -> tuple[str, str]:
    """What a command is that does not end by itself, and its address; empty if it ends."""
    if command.startswith("rclone serve "):
        return "server", ""
    if not (command.startswith("filterfleet ") or "=" in command.split()[0]):
        return "", ""
    words = words_of(command[command.index("filterfleet ") :]) if "filterfleet " in command else [""]
    if words[0] not in DAEMONS or "--once" in words:
        return "", ""
    return words[0], words[words.index("--bind") + 1] if "--bind" in words else ""
