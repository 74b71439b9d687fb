"""A hub and machines that join it with keys: one is cut off for a while, one revoked, one added, one lost for good."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.cable import needs_root
from tests.chaos.lan import Lan
from tests.integration.harness import COMMAND, Daemon, Processes, check_ledger, check_outputs, count_done, wait_until

IMAGES = 240
FIRST = ("desk", "attic", "cellar")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600), needs_root]


@pytest.fixture
def lan() -> Iterator[Lan]:
    made = Lan("hub", *FIRST)
    yield made
    made.close()


class Fleet:
    def __init__(self, lan: Lan, processes: Processes, folder: Path) -> None:
        self._lan = lan
        self._processes = processes
        self._folder = folder
        self.address = lan.hosts["hub"].address
        self.keys = folder / "keys"
        self.workers: dict[str, Daemon] = {}

    def run(self, host: str, *words: object) -> str:
        code, said = self._processes.run(*words, program=self._lan.hosts[host].program(COMMAND))
        assert code == 0, said
        return said

    def start(self, host: str, *words: object) -> Daemon:
        return self._processes.start(*words, program=self._lan.hosts[host].program(COMMAND))

    def join(self, *names: str) -> None:
        """Each of these machines gets its file, and starts a worker as `join` says."""
        for name in names:
            self.run("hub", "keys", self.keys, "--worker", name, "--broker", self.address)
            said = self.run(name, "join", self.keys / f"machines/{name}.join", "--keys", self._folder / name)
            (command,) = [line.split() for line in said.splitlines() if line.strip().startswith("filterfleet worker")]
            self.workers[name] = self.start(name, *command[1:], "--threads", 1)

    def status(self) -> dict[str, Any]:
        return json.loads(self.run("hub", "status", "--json", "--broker", self.address, "--keys", self.keys))

    def present(self) -> set[str]:
        return {worker["name"] for worker in self.status()["workers"] if worker["slots"]}

    def gone(self) -> dict[str, str]:
        """How each machine went."""
        return {gone["name"]: gone["how"] for gone in self.status()["gone"]}


def test_machines_come_and_go_and_all_outputs_arrive(
    lan: Lan, processes: Processes, photographs, expected, tmp_path: Path
):
    source, output = photographs(IMAGES, 1200, 2000), tmp_path / "out"
    fleet = Fleet(lan, processes, tmp_path)
    fleet.run("hub", "keys", fleet.keys)
    broker = fleet.start("hub", "broker", "--bind", fleet.address, "--keys", fleet.keys)
    wait_until(lambda: "broker started" in broker.said or not broker.alive, what="a broker")
    fleet.join(*FIRST)
    wait_until(lambda: fleet.present() == {*FIRST}, 30, "three machines")

    folders = ("--source", source, "--output", output, "--settle", 0.1, "--once")
    listener = fleet.start("hub", "listener", *folders, "--broker", fleet.address, "--keys", fleet.keys)
    wait_until(lambda: count_done(output) >= 5, 60, "work")
    lan.pull("desk")
    lan.pull("cellar")
    fleet.run("hub", "revoke", "attic", "--keys", fleet.keys)
    wait_until(lambda: fleet.gone() == {"desk": "silent", "cellar": "silent", "attic": "dismissed"}, 30, "their ends")
    assert fleet.present() == set()
    assert any("no worker at all" in wait for wait in fleet.status()["waits"])
    assert "has to be listed among its workers" in fleet.workers["attic"].said

    lan.add("loft")
    fleet.join("loft")  # the broker looks at its lists by itself
    lan.plug("desk")
    wait_until(lambda: fleet.present() == {"desk", "loft"}, 60, "those that are left")
    assert "desk" not in fleet.gone(), "it has come back"

    assert listener.wait(150) == 0, listener.said
    check_outputs(output, expected(source))
    check_ledger(output, IMAGES)
    assert "broker regained" in fleet.workers["desk"].said
    wait_until(lambda: fleet.gone()["cellar"] == "lost", 90, "the end of a machine that does not come back")
