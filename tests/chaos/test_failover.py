"""Two brokers that do not know each other: when one dies, its clients and workers go on with the other."""

from __future__ import annotations

import signal

import pytest

from tests.chaos.rig import check_everything, start_listener, wait_for_progress
from tests.integration.harness import LOOPBACK, Daemon, Fleet, as_json

OTHER = "127.0.0.2"
BOTH = ("--broker", f"{LOOPBACK},{OTHER}")


@pytest.fixture
def brokers(fleet: Fleet) -> list[Daemon]:
    return [fleet.start_broker(), fleet.start_broker("--bind", OTHER)]


@pytest.mark.slow
def test_killing_one_broker_and_then_the_other_loses_nothing(fleet: Fleet, brokers, source, output, expected):
    workers = [fleet.start_worker(*BOTH), fleet.start_worker(*BOTH)]
    for host in (LOOPBACK, OTHER):
        fleet.wait_for_workers(2, host)
    listener = start_listener(fleet, source, output, *BOTH)
    assert wait_for_progress(listener, output, 10)
    brokers[0].kill()
    assert wait_for_progress(listener, output, 20)  # with the other broker
    fleet.start_broker()
    fleet.wait_for_workers(2, LOOPBACK)
    brokers[1].kill()
    check_everything(listener, source, output, expected)
    assert all(worker.alive for worker in workers)


@pytest.mark.slow
def test_a_broker_that_freezes_is_left_and_does_no_harm_when_it_wakes(fleet: Fleet, brokers, source, output, expected):
    fleet.start_worker(*BOTH, threads=2)
    fleet.wait_for_workers(1, OTHER)
    listener = start_listener(fleet, source, output, *BOTH)
    assert wait_for_progress(listener, output, 10)
    brokers[0].process.send_signal(signal.SIGSTOP)
    assert wait_for_progress(listener, output, 20)
    brokers[0].process.send_signal(signal.SIGCONT)
    check_everything(listener, source, output, expected)


@pytest.mark.slow
def test_clients_of_different_brokers_share_the_workers(fleet: Fleet, brokers, source, tmp_path, expected):
    fleet.start_worker(*BOTH, threads=2)
    outputs = [tmp_path / host for host in (LOOPBACK, OTHER)]
    listeners = [start_listener(fleet, source, output, "--broker", output.name) for output in outputs]
    for listener, output in zip(listeners, outputs, strict=True):
        check_everything(listener, source, output, expected)


@pytest.mark.slow
def test_a_command_finds_the_broker_that_runs(fleet: Fleet):
    fleet.start_broker("--bind", OTHER)
    code, said = fleet.processes.run("status", "--json", "--frontend-port", fleet.frontend, *BOTH)
    assert code == 0, said
    assert as_json(said)["clients"] == 0, "who asks is no client"
