"""What a fleet says while something is wrong, and when that has passed: in its logs, in `status` and in `health`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from filterfleet.broker.telling import PAUSE as BROKER_PAUSE
from filterfleet.common.backoff import Backoff
from filterfleet.common.contacts import PATIENCE as ANSWER
from filterfleet.common.keys.folders import Role
from filterfleet.common.process.ports import free_ports
from filterfleet.common.waiting import PATIENCE as WAITING
from filterfleet.common.wire.liveness import HEARTBEAT_INTERVAL, MISSED_BEATS
from filterfleet.listener.telling import PAUSE as LISTENER_PAUSE
from tests.conftest import MakePhotographs
from tests.integration.harness import Daemon, Fleet, Processes, output_files, wait_until
from tests.integration.keyed_peers import KeyedFleet

PROMISE = 10.0  # seconds until something that is wrong is said


def test_what_is_wrong_is_said_within_ten_seconds_on_an_idle_machine():
    silence = HEARTBEAT_INTERVAL * (MISSED_BEATS + 1) + Backoff().next()
    assert silence + max(BROKER_PAUSE, LISTENER_PAUSE) < PROMISE
    assert silence + WAITING + max(BROKER_PAUSE, LISTENER_PAUSE) < PROMISE
    assert ANSWER + LISTENER_PAUSE < PROMISE


class Told:
    """Asks a fleet by its commands."""

    def __init__(self, fleet: Fleet, output: Path) -> None:
        self._run = fleet.processes.run
        self._ports = ("--frontend-port", fleet.frontend, "--backend-port", fleet.backend)
        self._output = ("--output", output)

    def status(self, *options: object) -> str:
        code, said = self._run("status", *self._output, *self._ports, *options)
        assert code == 0, said
        return said

    def as_json(self, *options: object) -> Any:
        return json.loads(self.status("--json", *options))

    def health(self, role: str, *options: object) -> tuple[int, str]:
        place = self._output if role == "listener" else ()
        return self._run("health", "--role", role, *place, *self._ports, *options)


def listen(fleet: Fleet, source: Path, output: Path, *options: object) -> Daemon:
    listener = fleet.start_listener(source, output, "--settle", 0.1, "--interval", 0.5, *options)
    wait_until(lambda: "listener started" in listener.said or not listener.alive, what="a listener")
    return listener


@pytest.mark.slow
def test_a_broker_that_is_away_is_said_by_all_and_so_is_its_return(
    fleet: Fleet, photographs: MakePhotographs, tmp_path: Path
):
    source, output = photographs(3, 60, 90), tmp_path / "out"
    told = Told(fleet, output)
    broker, worker = fleet.start_broker(), fleet.start_worker()
    listener = listen(fleet, source, output)
    wait_until(lambda: len(output_files(output)) == 9, what="the first results")
    wait_until(lambda: "3 done" in told.status(), what="the numbers")
    assert told.health("listener")[0] == told.health("fleet")[0] == told.health("worker")[0] == 0

    broker.terminate()
    assert broker.wait() == 0
    for daemon in (listener, worker):
        wait_until(lambda: "broker lost" in daemon.said, what="the loss")  # noqa: B023
        assert "it does not answer" in daemon.said
    wait_until(lambda: told.health("listener")[0] == 1, what="the loss in its state")
    assert "Not well: 0 pending, 3 done, 0 failed. Cut off from the broker" in told.health("listener")[1]
    said = told.as_json()
    (listening,), (asked,) = said["listeners"], said["brokers"]
    assert (listening["runs"], listening["contact"]["connected"], listening["counts"]["done"]) == (True, False, 3)
    assert (asked["answers"], "No broker answers at" in asked["problem"]) == (False, True)

    fleet.start_broker()
    for daemon in (listener, worker):
        wait_until(lambda: "broker regained" in daemon.said, what="the return")  # noqa: B023
    wait_until(lambda: "Cut off" not in told.status(), what="the return in the status")
    wait_until(lambda: told.health("worker")[0] == 0, what="the worker")
    assert told.health("listener")[0] == 0
    listener.terminate()
    assert listener.wait() == 0
    assert "No listener is running" in told.status()
    assert told.health("listener")[0] == 1


@pytest.mark.slow
def test_work_without_a_worker_is_said_and_a_workers_key_may_ask(
    processes: Processes, photographs: MakePhotographs, tmp_path: Path
):
    source, output = tmp_path / "in", tmp_path / "out"
    keyed = KeyedFleet(processes, tmp_path / "keys")
    works = keyed.machine(Role.WORKER, "lab")
    told = Told(keyed, output)
    broker = keyed.start_broker()
    shutil.copytree(photographs(3, 60, 90), source)
    listener = listen(keyed, source, output, "--keys", keyed.keys)
    for daemon in (listener, broker):
        wait_until(lambda: "work waits" in daemon.said, what="the warning")  # noqa: B023
        assert "no worker at all" in daemon.said
    wait_until(lambda: "Waiting: no worker at all" in told.status("--keys", keyed.keys), what="the status")
    code, says = told.health("fleet", "--keys", works)
    assert (code, "no worker at all" in says) == (1, True)
    assert told.health("worker", "--keys", works)[0] == 1
    assert told.health("broker", "--keys", works)[0] == 0

    worker = keyed.start_worker("--keys", works)
    for daemon in (listener, broker):
        wait_until(lambda: "work goes on" in daemon.said, what="the end")  # noqa: B023
    wait_until(lambda: len(output_files(output)) == 9, what="the results")
    wait_until(lambda: "Waiting" not in told.status("--keys", keyed.keys), what="nothing more to wait for")
    wait_until(lambda: told.health("fleet", "--keys", works)[0] == 0, what="health")
    assert told.health("worker", "--keys", works)[0] == 0
    said = told.as_json("--keys", keyed.keys)
    (present,) = said["workers"]
    assert (present["name"], present["address"], present["threads"]) == ("lab", "127.0.0.1", 1)
    assert "worker_admitted" in broker.said

    (process,) = worker.worker_processes()
    process.kill()
    wait_until(lambda: "worker_lost" in broker.said, what="a death")
    (gone, *_) = told.as_json("--keys", keyed.keys)["gone"]
    assert (gone["how"], gone["name"], gone["host"]) == ("lost", "lab", present["host"])


@pytest.mark.slow
def test_up_says_how_far_it_is_and_what_it_waits_for(
    processes: Processes, photographs: MakePhotographs, fleet: Fleet, tmp_path: Path
):
    source, output = photographs(6, 60, 90), tmp_path / "out"
    ports = ("--frontend-port", fleet.frontend, "--backend-port", fleet.backend)
    up = processes.start("up", "--source", source, "--output", output, "--settle", 0, "--workers", 2, *ports)
    wait_until(lambda: "2 of 2 workers alive" in up.said or not up.alive, what="its line")
    assert " to do, " in up.said
    up.terminate()
    assert up.wait() == 0, up.said


@pytest.mark.slow
def test_a_listener_that_waits_for_a_remote_says_so_before_there_is_a_ledger(fleet: Fleet, tmp_path: Path):
    """Nothing listens where its remote should be."""
    state, config = tmp_path / "state", tmp_path / "rclone.conf"
    fleet.frontend, fleet.backend = free_ports()
    config.write_text(f"[away]\ntype = webdav\nurl = http://127.0.0.1:{free_ports()[0]}\nvendor = other\n")
    places = ("--source", "away:in", "--output", tmp_path / "out", "--state", state)
    listener = fleet.processes.start("listener", *places, "--rclone-config", config, "--frontend-port", fleet.frontend)

    def status(*options: object) -> str:
        return fleet.processes.run("status", "--state", state, "--frontend-port", fleet.frontend, *options)[1]

    wait_until(lambda: "the remote away:in cannot be reached" in status(), what="the wait")
    (start,) = json.loads(status("--json"))["starting"]
    assert (start["source"], start["says"][:8]) == ("away:in", "Waiting:")
    code, said = fleet.processes.run("health", "--role", "listener", "--state", state)
    assert (code, "it starts. Waiting: the remote away:in" in said) == (1, True), said
    listener.terminate()
    assert listener.wait() == 0
    assert "starting since" not in status()
