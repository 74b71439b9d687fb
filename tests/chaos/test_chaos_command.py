"""`filterfleet chaos` as a user starts it."""

from __future__ import annotations

import re
import signal

import pytest

from tests.integration.harness import Daemon, Processes, is_running, ledger_rows, output_files, wait_until

PATIENCE = 170.0  # seconds for a short storm, the remaining work, and the verification
STEP = re.compile(r"^ +[\d.]+ s  ((kill|restart|freeze) \S+( for [\d.]+ s)?)$", re.MULTILINE)


def start(processes: Processes, seconds: float, *options: object) -> Daemon:
    return processes.start("chaos", "--seconds", seconds, "--workers", 2, *options)


def interrupt_when(chaos: Daemon, said: str, number: signal.Signals) -> None:
    """Sends the signal once the command has printed `said`. It has to end with 130 and leave no process."""
    wait_until(lambda: said in chaos.said or not chaos.alive, patience=60, what=said)
    children = chaos.descendants()
    assert children
    chaos.process.send_signal(number)
    assert chaos.wait(60) == 130, chaos.said
    assert "Interrupted" in chaos.said
    assert "Traceback" not in chaos.said
    assert not any(is_running(child) for child in children)


def test_a_short_storm_ends_clean(processes: Processes, tmp_path):
    keep = tmp_path / "kept"
    chaos = start(processes, 3, "--seed", 3, "--images", 24, "--keep", keep)
    assert chaos.wait(PATIENCE) == 0, chaos.said
    assert "Verdict: clean" in chaos.said
    assert len(STEP.findall(chaos.said)) >= 2
    assert len(output_files(keep / "results")) == 72
    assert ledger_rows(keep / "results", "SELECT state, count(*) FROM objects GROUP BY state") == [("done", 24)]


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize(("seed", "brokers"), [(1, 1), (2, 2), pytest.param(3, 2, marks=pytest.mark.exhaustive)])
def test_a_longer_storm_ends_clean_and_leaves_nothing(processes: Processes, tmp_path, monkeypatch, seed, brokers):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    chaos = start(processes, 20, "--seed", seed, "--brokers", brokers)
    assert chaos.wait(380) == 0, chaos.said
    assert "Verdict: clean" in chaos.said
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_damage_is_found_and_everything_is_kept(processes: Processes, tmp_path):
    """The test alters a result while the fleet runs."""
    keep = tmp_path / "kept"
    chaos = start(processes, 3, "--images", 40, "--keep", keep)
    wait_until(lambda: "What happens" in chaos.said, 60)
    wait_until(lambda: any((keep / "results" / "blur").rglob("*.jpg")), 60, "a result")
    victim = next((keep / "results" / "blur").rglob("*.jpg"))
    victim.write_bytes(b"no photograph")
    assert chaos.wait(PATIENCE) == 1, chaos.said
    assert "Verdict: NOT clean" in chaos.said
    assert (
        f"1 not what the sequential pipeline makes: blur/{victim.relative_to(keep / 'results' / 'blur')}" in chaos.said
    )
    assert str(keep) in chaos.said


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_early_while_a_process_is_frozen(processes: Processes, number):
    interrupt_when(start(processes, 60, "--seed", 1), "frozen for", number)


@pytest.mark.slow
def test_no_process_survives_when_it_is_killed_itself(processes: Processes, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))  # for the folder that it leaves behind
    chaos = start(processes, 60, "--seed", 1)
    wait_until(lambda: "frozen for" in chaos.said, 60, "a frozen process")
    children = chaos.descendants()
    assert children
    chaos.kill()
    wait_until(lambda: not any(is_running(child) for child in children), 10, "their end")


def test_a_folder_that_is_not_empty_is_refused(processes: Processes, tmp_path):
    (tmp_path / "mine").touch()
    code, said = processes.run("chaos", "--keep", tmp_path)
    assert code == 2
    assert f"The folder {tmp_path} is not empty: choose another one with --keep." in said
