"""Real processes under attack for a few seconds; `python -m tests.fuzz.live` takes longer."""

import contextlib
import sys

import psutil
import pytest

from filterfleet.bench.processes import high_water
from tests.fuzz import zmtp
from tests.fuzz.live import ATTACKS
from tests.integration.harness import Daemon, Fleet, check_outputs, wait_until

SPARE = 64 << 20
HUNG_UP = "messages without end"
BROKER = """
from filterfleet.broker.service import serve
from filterfleet.broker.settings import Settings
from filterfleet.common.logs import configure
configure()
serve("127.0.0.1", {}, {}, settings=Settings(spare={}))
"""


def send_without_end(port: int, part: bytes) -> None:
    """Parts of one message, until the connection ends."""
    frame = zmtp.frame(part, zmtp.MORE)
    with contextlib.suppress(ConnectionError), zmtp.introduced(port, b"fx1|endless") as stranger:
        while True:
            stranger.sendall(frame * (1 + 1_000_000 // len(frame)))


@pytest.mark.slow
@pytest.mark.parametrize("attack", ATTACKS)
def test_processes_under_attack(attack, fleet: Fleet, tmp_path):
    attack(fleet, 6.0, 1, tmp_path)


@pytest.fixture
def guarded(fleet: Fleet) -> Daemon:
    """A broker with a worker, which hangs up when more than SPARE bytes are in nobody's books."""
    program = BROKER.format(fleet.frontend, fleet.backend, SPARE)
    broker = fleet.processes.start("broker", program=(sys.executable, "-c", program))
    wait_until(lambda: "broker started" in broker.said, what="a broker")
    fleet.start_worker()
    fleet.wait_for_workers(1)
    return broker


@pytest.mark.slow
@pytest.mark.parametrize("part", [b"x" * 1_000_000, b"x"])
def test_a_message_without_end_costs_everybody_the_connection_and_not_the_memory(fleet: Fleet, guarded: Daemon, part):
    before = psutil.Process(guarded.pid).memory_info().rss
    send_without_end(fleet.frontend, part)
    assert HUNG_UP in guarded.said
    assert high_water(guarded.pid) < before + 20 * SPARE
    fleet.wait_for_workers(1)
    assert guarded.alive
    assert "Traceback" not in guarded.said


@pytest.mark.slow
def test_who_does_it_again_and_again_is_hung_up_on_each_time(
    fleet: Fleet, guarded: Daemon, photographs, expected, tmp_path
):
    before = psutil.Process(guarded.pid).memory_info().rss

    def is_hung_up_on() -> bool:
        send_without_end(fleet.frontend, b"x" * 1_000_000)
        return guarded.said.count(HUNG_UP) >= 5

    wait_until(is_hung_up_on, what="five times")
    assert high_water(guarded.pid) < before + 20 * SPARE

    source, output = photographs(4, 300, 400), tmp_path / "out"
    listener = fleet.start_listener(source, output, "--once", "--settle", 0)
    assert listener.wait(30) == 0, listener.said
    check_outputs(output, expected(source))
    assert guarded.alive
    assert "Traceback" not in guarded.said
