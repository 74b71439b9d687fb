"""Other users of the machine write into the source and the output, and remove things that a listener needs."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from filterfleet.listener.state import PRIVATE
from tests.integration.harness import (
    COMMAND,
    Daemon,
    Fleet,
    Processes,
    check_outputs,
    expected_outputs,
    ledger_rows,
    wait_until,
)
from tests.unit.rights_rig import NOBODY, open_folder

QUICK = ("--settle", "0.1", "--interval", "0.2")


@pytest.fixture
def images(photographs) -> list[Path]:
    return sorted(photographs(6, 200, 300).rglob("*.jpg"))


@pytest.fixture
def few(images, tmp_path) -> Path:
    """A folder with two photographs."""
    (tmp_path / "in").mkdir()
    for image in images[:2]:
        shutil.copy(image, tmp_path / "in")
    return tmp_path / "in"


@pytest.fixture
def everywhere() -> Iterator[Path]:
    """A folder that every user can enter."""
    with open_folder() as folder:
        yield folder


def run(processes: Processes, source: Path, *options: object) -> tuple[int, str]:
    code, said = processes.run("run", source, source.parent / "out", "--engine", "sequential", *options)
    assert "Traceback" not in said
    return code, said


def ends_at_once(daemon: Daemon, number: signal.Signals = signal.SIGTERM) -> int:
    """Its exit code. It has a few seconds, because the machine may be busy; what waits would wait for ever."""
    daemon.process.send_signal(number)
    return daemon.wait(10)


# --- pipes, sockets, devices ----


@pytest.fixture
def odd_files(tmp_path, monkeypatch) -> list[Path]:
    os.mkfifo(tmp_path / "pipe.jpg")
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as made:
        made.bind("socket.jpg")  # a name of its own: the path of a socket may not be long
    (tmp_path / "device.jpg").symlink_to("/dev/zero")
    (tmp_path / "folder.jpg").mkdir()
    return [tmp_path / f"{kind}.jpg" for kind in ("pipe", "socket", "device", "folder")]


def test_pipes_sockets_and_devices_are_not_submitted(fleet: Fleet, odd_files, tmp_path):
    fleet.start_broker()
    code, said = fleet.processes.run(
        "submit", *odd_files, "--output", tmp_path / "out", "--frontend-port", fleet.frontend
    )
    assert code == 1
    lines = [line.partition(": ")[2] for line in said.splitlines() if ".jpg: " in line]
    kinds = ("it is not a file but a named pipe", "it is not a file but a socket", "it is not a file but a device")
    folder = "It is a folder: give the files in it, or process all of it with `filterfleet run`."
    assert lines == [*(f"The file cannot be read: {kind}." for kind in kinds), folder]


def test_recipes_and_what_they_name_have_to_be_files(processes: Processes, odd_files, tmp_path):
    for file in odd_files[:1] + odd_files[2:3]:
        code, said = processes.run("recipe", "check", file)
        assert (code, "cannot be read: " in said) == (2, True), said
        (tmp_path / "mark.toml").write_text(
            f'[outputs.a]\nsteps = [{{ filter = "watermark", image = {{ file = "{file.name}" }} }}]'
        )
        code, said = processes.run("recipe", "check", tmp_path / "mark.toml")
        assert (code, f"{file.name} is not a file" in said) == (2, True), said


def test_keys_have_to_be_files(processes: Processes, tmp_path):
    assert processes.run("keys", tmp_path / "keys")[0] == 0
    for name in ("broker.key", "client.key_secret"):
        kept = (tmp_path / "keys" / name).rename(tmp_path / name)
        os.mkfifo(tmp_path / "keys" / name)
        code, said = processes.run("status", "--keys", tmp_path / "keys")
        assert (code, "it is not a file but a named pipe" in said) == (2, True), said
        kept.replace(tmp_path / "keys" / name)


# --- what is planted in an output ----


def test_a_link_to_a_strangers_folder_is_refused_and_an_output_elsewhere_takes_an_option(
    processes: Processes, few, tmp_path
):
    for folder in ("out", "victim", "disk"):
        (tmp_path / folder).mkdir()
    (tmp_path / "victim/letter").write_text("Dear")
    (tmp_path / "out" / PRIVATE).mkdir()
    (tmp_path / "out" / PRIVATE / "tmp").symlink_to(tmp_path / "victim")
    code, said = run(processes, few)
    assert (code, said.count("is a link, but it has to be our own")) == (2, 1)
    assert (tmp_path / "victim/letter").read_text() == "Dear"

    (tmp_path / "out" / PRIVATE / "tmp").unlink()
    (tmp_path / "out/grayscale").symlink_to(tmp_path / "disk")
    code, said = run(processes, few)
    assert (code, said.count("is followed only with --follow-links")) == (2, 1)
    assert os.listdir(tmp_path / "disk") == []

    code, said = run(processes, few, "--follow-links")
    assert code == 0, said
    assert sorted(os.listdir(tmp_path / "disk")) == sorted(os.listdir(few))


def test_a_link_out_of_the_source_is_told_and_left_out(processes: Processes, few, images, tmp_path):
    expected = expected_outputs(few)
    (few / "link.jpg").symlink_to(images[5])
    code, said = run(processes, few)
    assert (code, said.count("links that lead out of the source are left out")) == (0, 1)
    check_outputs(tmp_path / "out", expected)


def test_files_of_any_time_are_done(processes: Processes, few, tmp_path):
    for file, seconds in zip(sorted(few.iterdir()), (10_413_792_000, -11_644_473_600), strict=True):
        os.utime(file, (seconds, seconds))
    code, said = run(processes, few)
    assert code == 0, said
    check_outputs(tmp_path / "out", expected_outputs(few))


# --- a listener among others ----


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can start a listener for another user")
def test_one_bad_file_and_one_bad_folder_are_nobody_elses_trouble(fleet: Fleet, images, everywhere):
    """The listener is an ordinary user, and root has put things into its source that it cannot read."""
    source, output = everywhere / "in", everywhere / "out"
    for folder in (source, output, source / "lost+found"):
        folder.mkdir()
    os.chown(output, NOBODY, NOBODY)
    shutil.copy(images[0], source / "lost+found")
    (source / "lost+found").chmod(0o700)
    os.mkfifo(source / ".filterfleetignore")
    fleet.start_broker()
    fleet.start_worker()
    as_nobody = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", COMMAND)
    if fleet.processes.run("--version", program=as_nobody)[0] != 0:
        pytest.skip("another user cannot read this installation")
    options = ("--source", source, "--output", output, "--frontend-port", fleet.frontend, "--backfill", "none", *QUICK)
    listener = fleet.processes.start("listener", *options, program=as_nobody)
    wait_until(lambda: "folder left out" in listener.said, what="the first listing")

    shutil.copy(images[1], everywhere / "locked.jpg")
    (everywhere / "locked.jpg").chmod(0o600)
    (everywhere / "locked.jpg").rename(source / "locked.jpg")
    rows = "SELECT state, reason FROM objects WHERE path = 'locked.jpg'"
    failed = [("failed", "The file cannot be read: Permission denied.")]
    wait_until(lambda: ledger_rows(output, rows) == failed, what="the reason in the ledger")
    for image in images[2:]:
        shutil.copy(image, source)
    arrived = [image.name for image in images[2:]]
    wait_until(lambda: all((output / "grayscale" / name).exists() for name in arrived), what="the others")
    assert listener.said.count("image waits") == listener.said.count("folder left out") == 1
    assert listener.said.count("it is not a file but a named pipe") == 1

    (source / "locked.jpg").chmod(0o644)
    wait_until((output / "grayscale/locked.jpg").exists, what="the file that can be read now")
    assert ends_at_once(listener) == 0
    assert "Traceback" not in listener.said


@pytest.mark.slow
def test_a_fleet_whose_output_is_removed_says_so_and_stops(fleet: Fleet, few, tmp_path):
    ports = ("--frontend-port", fleet.frontend, "--backend-port", fleet.backend)
    up = fleet.processes.start("up", "--source", few, "--output", tmp_path / "out", "--workers", 1, *ports, *QUICK)
    wait_until(lambda: all((tmp_path / "out/edges" / f"{file.name}.png").exists() for file in few.iterdir()))
    shutil.rmtree(tmp_path / "out")
    assert up.wait(60) == 2
    assert "was removed or replaced" in up.said or "cannot be written" in up.said
    assert "Traceback" not in up.said


def test_a_listener_whose_output_is_removed_says_so_and_stops(fleet: Fleet, few, tmp_path):
    fleet.start_broker()
    fleet.start_worker()
    listener = fleet.start_listener(few, tmp_path / "out", *QUICK)
    wait_until(lambda: all((tmp_path / "out/edges" / f"{file.name}.png").exists() for file in few.iterdir()))
    shutil.rmtree(tmp_path / "out")
    began = time.monotonic()
    assert listener.wait(30) == 2
    assert "was removed or replaced while it was in use, so this listener has stopped" in listener.said
    assert "Traceback" not in listener.said
    assert time.monotonic() - began < 30
    assert not (tmp_path / "out/grayscale").exists()
