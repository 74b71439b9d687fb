"""The commands of docs/one-machine.md and docs/lan.md, as they stand there, in a network of their own.

The machines of a page are home folders here, and have one address. `scp` copies between them.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import filterfleet
from tests.integration.harness import count_done, wait_until
from tests.unit.command_lines import words_of
from tests.unit.docs_pages import blocks_of

PHOTOS = Path(filterfleet.__file__).parent / "demo" / "photos"
DAEMONS = {"up", "broker", "worker", "listener", "dashboard"}
NETWORK = "ip link set lo up && ip address add 192.168.1.10/24 dev lo && echo up && exec sleep infinity"
SCP = """#!/bin/sh
# scp FROM MACHINE:TO
exec cp -p "$1" "$HOME/../${2%%:*}/${2#*:}"
"""


class Machines:
    """Home folders below `root`, by the machines' names, and a network that all of them see and nobody else."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._logs = 0
        self._daemons: list[subprocess.Popen[bytes]] = []
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
        """To its end, unless it is a daemon. Fails when it fails."""
        log = self._log(command)
        with log.open("wb") as out:
            process = subprocess.Popen(
                ["nsenter", "--net", "--target", str(self._network.pid), "bash", "-c", command],
                cwd=self.home(machine),
                env=self._environment(machine),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
            )
        if is_daemon(command):
            self._daemons.append(process)
            started = (b" started ", b"Watching ")
            wait_until(
                lambda: process.poll() is not None or any(word in log.read_bytes() for word in started), 60, command
            )
            assert process.poll() is None, f"{command}: {log.read_text()}"
            return
        assert process.wait(60) == 0, f"{command}: {log.read_text()}"

    def _log(self, command: str) -> Path:
        self._logs += 1
        return self.root / f"{self._logs:02}.log"

    def _environment(self, machine: str) -> dict[str, str]:
        path = os.pathsep.join([str(self.root / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]])
        return os.environ | {"HOME": str(self.home(machine)), "PATH": path, "PYTHONUNBUFFERED": "1"}

    def close(self) -> None:
        for daemon in reversed(self._daemons):
            daemon.send_signal(signal.SIGINT)
        for daemon in reversed(self._daemons):
            daemon.wait(30)
        self._network.kill()
        self._network.communicate()


def is_daemon(command: str) -> bool:
    if not command.startswith("filterfleet "):
        return False
    words = words_of(command)
    return words[0] in DAEMONS and "--once" not in words


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[Machines]:
    if os.geteuid() != 0 or not all(map(shutil.which, ("unshare", "nsenter", "ip"))):
        pytest.skip("needs root and the apt packages util-linux and iproute2, for a network of its own")
    made = Machines(tmp_path)
    yield made
    made.close()


@pytest.mark.slow
@pytest.mark.parametrize(("page", "where"), [("one-machine", ""), ("lan", "hub")])
def test_every_command_of_a_page_works_in_its_order(page: str, where: str, machines: Machines) -> None:
    home = machines.home(where)
    shutil.copytree(PHOTOS, home / "in", ignore=shutil.ignore_patterns("*.md"))
    blocks = blocks_of(page)
    assert not any(block.note for block in blocks)
    for block in blocks:
        machines.home(block.machine)
    for block in blocks:
        for command in block.commands:
            machines.run(block.machine, command)
    images = len(list((home / "in").iterdir()))
    wait_until(lambda: count_done(home / "out") == images, what="all images")


@pytest.mark.slow
def test_the_keys_that_the_page_for_kubernetes_makes_are_those_that_it_hands_out(machines: Machines) -> None:
    blocks = blocks_of("kubernetes")
    for block in blocks:
        if not block.note:
            for command in block.commands:
                machines.run("", command)
    named = re.findall(r"--from-file=(?:\w+=)?(\S+)", "\n".join(block.body for block in blocks))
    assert len(named) >= 8
    assert all((machines.home("") / path).exists() for path in named)
