"""Broker and workers, or broker and listener, on two hosts that cannot reach each other for a while."""

from __future__ import annotations

import pytest

from tests.chaos.cable import Cable, needs_root
from tests.integration.harness import (
    COMMAND,
    Processes,
    as_json,
    check_ledger,
    check_outputs,
    count_done,
    stays_true,
    wait_until,
)

IMAGES = 100
DEADLY = 10.0  # seconds; a peer that is silent for 4 counts as dead
IN_HAND = 8  # images that may be on their way when the cable is pulled

pytestmark = [pytest.mark.slow, needs_root]


@pytest.fixture
def cable():
    made = Cable()
    yield made
    made.close()


@pytest.mark.parametrize("seconds", [1.5, DEADLY], ids=["short", "declared-dead"])
@pytest.mark.parametrize("apart", ["workers", "listener"])
def test_everything_arrives_after_a_partition(
    cable: Cable, processes: Processes, photographs, expected, tmp_path, seconds, apart
):
    """apart: the role that is not on the broker's host."""
    source, output = photographs(IMAGES, 1200, 2000), tmp_path / "out"
    here, there = cable.one.program(COMMAND), cable.two.program(COMMAND)
    at = ("--broker", cable.one.address)
    broker = processes.start("broker", "--bind", cable.one.address, "--insecure", program=here)
    wait_until(lambda: "broker started" in broker.said or not broker.alive, what="a broker")
    place = there if apart == "workers" else here
    workers = [processes.start("worker", *at, "--threads", 1, program=place) for _ in range(2)]
    wait_until(lambda: broker.said.count("worker_registered") == len(workers), what="the workers")
    folders = ("--source", source, "--output", output, "--settle", 0.1, "--once")
    listener = processes.start("listener", *folders, *at, program=there if apart == "listener" else here)
    wait_until(lambda: count_done(output) >= 10, 60, "work")

    cable.pull()
    done = count_done(output)
    assert stays_true(lambda: listener.alive, seconds), listener.said
    assert done < IMAGES - IN_HAND, "the batch was too small"
    assert count_done(output) <= done + IN_HAND, "the cable was not pulled"
    if (apart, seconds) == ("workers", DEADLY):
        _, said = processes.run("status", "--json", *at, program=here)
        assert as_json(said)["counters"]["workers_disconnected"] == len(workers)
        assert all("broker lost" in worker.said for worker in workers)
    cable.plug()

    assert listener.wait(150) == 0, listener.said
    check_outputs(output, expected(source))
    check_ledger(output, IMAGES)
    assert all(worker.alive for worker in workers)
    if (apart, seconds) == ("workers", DEADLY):
        for worker in workers:
            wait_until(lambda: "broker regained" in worker.said, 60, "the return")  # noqa: B023
        assert "workers_lost" not in as_json(processes.run("status", "--json", *at, program=here)[1])["counters"]


def test_with_a_broker_on_each_host_work_goes_on_while_they_are_apart(
    cable: Cable, processes: Processes, photographs, expected, tmp_path
):
    """The listener's first broker is on the other host."""
    source, output = photographs(IMAGES, 1200, 2000), tmp_path / "out"
    hosts = (cable.one, cable.two)
    both = ("--broker", f"{cable.one.address},{cable.two.address}")
    for host in hosts:
        broker = processes.start("broker", "--bind", host.address, "--insecure", program=host.program(COMMAND))
        wait_until(lambda broker=broker: "broker started" in broker.said or not broker.alive, what="a broker")
    workers = [processes.start("worker", *both, "--threads", 1, program=host.program(COMMAND)) for host in hosts]
    folders = ("--source", source, "--output", output, "--settle", 0.1, "--once")
    listener = processes.start("listener", *folders, *both, program=cable.two.program(COMMAND))
    wait_until(lambda: count_done(output) >= 10, 60, "work")

    cable.pull()
    done = count_done(output)
    assert done < IMAGES - 2 * IN_HAND, "the batch was too small"
    wait_until(lambda: count_done(output) > done + IN_HAND, 60, "work with the other broker")
    cable.plug()

    assert listener.wait(150) == 0, listener.said
    check_outputs(output, expected(source))
    check_ledger(output, IMAGES)
    assert all(worker.alive for worker in workers)
