"""Images and results that no single message carries: pulled in chunks, both ways."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from common.protocol.messages import INLINE_LIMIT
from tests.integration.harness import Fleet, check_outputs, expected_outputs, wait_until


@pytest.fixture
def source(tmp_path, noise_bmp) -> Path:
    assert len(noise_bmp) > INLINE_LIMIT
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "noise.bmp").write_bytes(noise_bmp)
    return tmp_path / "in"


def test_submit_sends_and_receives_a_large_image(fleet: Fleet, source, tmp_path):
    broker = fleet.start_broker()
    fleet.start_worker()
    code, said = fleet.processes.run(
        "submit", source / "noise.bmp", "--output", tmp_path / "out", "--frontend-port", fleet.frontend
    )
    assert code == 0, said
    expected = expected_outputs(source)
    assert sum(len(data) for data in expected.values()) > INLINE_LIMIT
    check_outputs(tmp_path / "out", expected)
    assert "malformed" not in broker.said
    status = fleet.status()
    assert (status["tasks"], status["running"], status["held_bytes"]) == (0, 0, 0)


@pytest.mark.slow
def test_a_small_image_with_large_results(fleet: Fleet, swelling_jpeg, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.jpg").write_bytes(swelling_jpeg)
    assert len(swelling_jpeg) < INLINE_LIMIT
    fleet.start_broker()
    fleet.start_worker()
    listener = fleet.start_listener(tmp_path / "in", tmp_path / "out", "--once", "--settle", 0)
    assert listener.wait(30) == 0, listener.said
    check_outputs(tmp_path / "out", expected_outputs(tmp_path / "in"))


@pytest.mark.slow
@pytest.mark.parametrize("role", ["worker", "broker"])
def test_killing_the_other_end_again_and_again_in_mid_pull(fleet: Fleet, source, tmp_path, role):
    """At ever later moments, so that both pulls and the work between them are hit."""
    broker = fleet.start_broker()
    worker = fleet.start_worker()
    listener = fleet.start_listener(source, tmp_path / "out", "--once", "--settle", 0)
    kills = 0
    for tenths in range(1, 9):
        wait_until(lambda: not listener.alive or fleet.status()["running"], what="a lease")
        if not listener.alive:
            break
        time.sleep(tenths / 20)
        if role == "broker":
            broker.kill()
            broker = fleet.start_broker()
        else:
            for process in worker.worker_processes():
                process.kill()
        kills += 1
    assert listener.wait(90) == 0, listener.said
    assert kills > 0
    check_outputs(tmp_path / "out", expected_outputs(source))
