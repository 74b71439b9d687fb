"""Orders to real listeners: retry, redo, verify, confirm-removals, ledger check, --heal."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from filterfleet.app import app
from filterfleet.common.process.command import guarded
from filterfleet.listener import heal as heal_module
from filterfleet.listener.core.scan import Version
from filterfleet.listener.ledger.ledger import Ledger
from filterfleet.listener.state import PRIVATE
from tests.integration.harness import (
    Daemon,
    Fleet,
    Processes,
    check_outputs,
    count_done,
    expected_outputs,
    ledger_rows,
    output_files,
    wait_until,
)

QUICK = ("--settle", "0", "--interval", "0.3")


@pytest.fixture
def source(photographs, tmp_path) -> Path:
    """Two photographs and a file that is no image."""
    (tmp_path / "in").mkdir()
    for image in sorted(photographs(2, 200, 300).rglob("*.jpg")):
        shutil.copy(image, tmp_path / "in")
    (tmp_path / "in" / "bad.jpg").write_bytes(b"no image")
    return tmp_path / "in"


@pytest.fixture
def output(source) -> Path:
    return source.parent / "out"


@pytest.fixture
def expected(source) -> dict[str, bytes]:
    (source / "bad.jpg").unlink()
    expected = expected_outputs(source)
    (source / "bad.jpg").write_bytes(b"no image")
    return expected


def batch(processes: Processes, source: Path) -> None:
    """A run that has processed everything."""
    code, said = processes.run("run", source, source.parent / "out", "--engine", "sequential")
    assert code == 1, said


def working(fleet: Fleet, source: Path, *options: object) -> Daemon:
    """A listener with a fleet."""
    fleet.start_broker()
    fleet.start_worker()
    return fleet.start_listener(source, source.parent / "out", *QUICK, *options)


def states(output: Path) -> dict[str, str]:
    return dict(ledger_rows(output, "SELECT path, state FROM objects"))


def told(processes: Processes, *words: object) -> str:
    """What a command prints, which has to succeed."""
    code, said = processes.run(*words)
    assert code == 0, said
    return said


def times(output: Path) -> dict[str, int]:
    """How often each image was recorded as done."""
    return dict(ledger_rows(output, "SELECT path, times FROM results"))


@pytest.mark.slow
def test_orders_are_carried_out_while_the_listener_runs(fleet: Fleet, processes, source, output, expected):
    listener = working(fleet, source)
    wait_until(lambda: output.exists() and count_done(output) == 2, what="two results")
    wait_until(lambda: sorted(states(output).values()) == ["done", "done", "failed"], what="the images")
    image = next(path for path, state in states(output).items() if state == "done")

    assert told(processes, "redo", source / image, "--output", output) == "1 image is processed again.\n"
    wait_until(lambda: times(output)[image] == 2, what="the image a second time")
    check_outputs(output, expected)

    said = json.loads(told(processes, "retry", "--reason", "not an image", "--output", output, "--json"))
    assert [(row["state"], row["count"]) for row in said] == [("done", 1)]
    wait_until(lambda: states(output)["bad.jpg"] == "failed", what="its second failure")

    lost = next(file for path, file in output_files(output).items() if path.endswith(f"{image}.png"))
    lost.unlink()
    code, said = processes.run("verify", "--output", output)
    assert (code, f"{image}.png: missing\n" in said) == (1, True), said
    assert told(processes, "redo", "--missing", "--output", output) == "1 image is processed again.\n"
    wait_until(lost.exists, what="the missing result")
    wait_until(lambda: states(output)[image] == "done", what="its record")
    assert "Everything" in told(processes, "verify", "--output", output, "--hash")
    lost.write_bytes(lost.read_bytes()[::-1])
    assert processes.run("verify", "--output", output)[0] == 0, "the size is right"
    code, said = processes.run("verify", "--output", output, "--hash", "--json")
    assert (code, [row["fault"] for row in json.loads(said)]) == (1, ["another content"])
    listener.terminate()
    assert listener.wait() == 0


@pytest.mark.slow
def test_an_order_waits_for_a_listener(processes, source, output, expected):
    batch(processes, source)
    assert "No listener is running" in told(processes, "redo", "--all", "--output", output)
    batch(processes, source)
    assert set(times(output).values()) == {1}, "run takes no orders"
    check_outputs(output, expected)


SENTENCES = [
    (("redo",), "Say what is to be made again: name images or folders, or say --all or --missing."),
    (
        ("redo", "--all", "--missing"),
        "Say what is to be made again: name images or folders, or say --all or --missing.",
    ),
    (("redo", "nothing.jpg", "--output", "out"), "The ledger knows no nothing.jpg: name images and folders as they"),
    (("redo", "--missing", "--state", "out/.filterfleet"), "--missing looks into the output: name it with --output."),
    (("retry",), "Say which failures: name images or folders, or say --all or --reason TEXT."),
    (("retry", "a.jpg", "--all"), "Say which failures: name images or folders, or say --all or --reason TEXT."),
    (("retry", "--all"), "Say which listener is meant: --output names its output, --state the folder of its ledger."),
    (("retry", "--all", "--output", "in"), "There is no ledger"),
    (("retry", "--all", "--output", "s3:bucket"), "s3:bucket is in a cloud, and its ledger is on this machine"),
    (("retry", "--all", "--output", "out", "--source", "elsewhere"), "This ledger knows no source "),
    (("verify", "--output", "in"), "There is no ledger"),
    (("confirm-removals",), "Say which listener is meant"),
    (("ledger", "check"), "Say which ledger is meant: --output names the results, --state the ledger's folder."),
    (("ledger", "prune"), "Say which listener is meant"),
]


def test_bad_input_is_one_sentence(source, output, monkeypatch, capsys, guarded_app: Callable[..., int]):
    ledger = Ledger(output / PRIVATE / "ledger.sqlite3", str(source), "recipe")
    ledger.add("a.jpg", Version(1, 1), fresh=False)
    ledger.commit()
    ledger.close()
    monkeypatch.chdir(source.parent)
    for words, sentence in SENTENCES:
        assert guarded_app(*words) == 2, words
        said = capsys.readouterr().err
        assert sentence in said
        assert said.count("\n") == 1, said


@pytest.fixture
def guarded_app():
    def run(*words: str) -> int:
        with pytest.raises(SystemExit) as ended:
            guarded(lambda: app(list(words)))
        return int(ended.value.code or 0)

    return run


@pytest.mark.slow
def test_a_damaged_ledger_is_made_anew_and_nothing_intact_is_made_again(processes, source, output, expected):
    batch(processes, source)
    ledger = output / PRIVATE / "ledger.sqlite3"
    made = {path: file.stat().st_mtime_ns for path, file in output_files(output).items()}
    assert "is whole" in told(processes, "ledger", "check", "--output", output)

    ledger.write_text("This is no ledger. " * 1000)
    code, said = processes.run("run", source, output, "--engine", "sequential")
    assert (code, "`filterfleet ledger check` says what can be done" in said) == (2, True), said
    code, said = processes.run("ledger", "check", "--output", output)
    assert (code, "is damaged: " in said, "--rebuild" in said) == (1, True, True), said
    damaged = min(made)
    (output / damaged).write_bytes(b"x" * (output / damaged).stat().st_size)

    assert "The new one has 1 images that are done." in told(
        processes, "ledger", "check", "--rebuild", "--output", output
    )
    batch(processes, source)
    check_outputs(output, expected)
    again = {path for path, file in output_files(output).items() if file.stat().st_mtime_ns != made[path]}
    assert damaged in again
    assert len(again) == 3, "the results of the image with the damaged one"


@pytest.mark.slow
def test_deleted_results_come_back_with_heal(fleet: Fleet, processes, source, output, expected):
    working(fleet, source, "--heal")
    wait_until(lambda: output.exists() and len(output_files(output)) == len(expected), what="the results")
    lost = next(iter(output_files(output).values()))
    lost.unlink()
    wait_until(lost.exists, 6 * heal_module.PAUSE, what="the deleted result")


@pytest.mark.slow
def test_removals_are_confirmed_while_the_listener_runs(fleet: Fleet, processes, photographs, source, output):
    for n in range(20):
        (source / f"broken-{n}.jpg").write_bytes(b"no image %d" % n)
    listener = working(fleet, source, "--failed", "off")
    wait_until(lambda: output.exists() and len(output_files(output)) == 6, what="the results")
    for file in source.iterdir():
        file.unlink()
    wait_until(lambda: "filterfleet confirm-removals" in listener.said, what="a doubt")
    said = told(processes, "confirm-removals", "--output", output)
    assert "have been removed on purpose" in said
    wait_until(lambda: not ledger_rows(output, "SELECT 1 FROM objects WHERE departure IS NULL"), what="no objects")
