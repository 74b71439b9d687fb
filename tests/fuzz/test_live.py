"""Real processes under attack for a few seconds; `python -m tests.fuzz.live` takes longer."""

import sys

import psutil
import pytest

from tests.fuzz import zmtp
from tests.fuzz.live import ATTACKS
from tests.integration.harness import Fleet, high_water_mark, wait_until

SPARE = 64 << 20
BROKER = """
from broker.service import serve
from broker.settings import Settings
from common.logs import configure
configure()
serve("127.0.0.1", {}, {}, settings=Settings(spare={}))
"""


def send_for_ever(stranger, frames):
    while True:
        stranger.sendall(frames)


@pytest.mark.slow
@pytest.mark.parametrize("attack", ATTACKS)
def test_processes_under_attack(attack, fleet: Fleet, tmp_path):
    attack(fleet, 6.0, 1, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("part", [b"x" * 1_000_000, b"x"])
def test_a_message_without_end_costs_everybody_the_connection_and_not_the_memory(fleet: Fleet, part):
    program = BROKER.format(fleet.frontend, fleet.backend, SPARE)
    broker = fleet.processes.start("broker", program=(sys.executable, "-c", program))
    wait_until(lambda: "broker started" in broker.said, what="a broker")
    before = psutil.Process(broker.pid).memory_info().rss
    fleet.start_worker()
    fleet.wait_for_workers(1)
    frame = zmtp.frame(part, zmtp.MORE)
    with zmtp.introduced(fleet.frontend, b"fx1|endless") as stranger, pytest.raises(ConnectionError):
        send_for_ever(stranger, frame * (1 + 1_000_000 // len(frame)))
    assert "messages without end" in broker.said
    assert high_water_mark(broker.pid) < before + 20 * SPARE
    fleet.wait_for_workers(1)
    assert broker.alive
    assert "Traceback" not in broker.said
