"""Texts that strangers choose, on their way to the terminal of each command."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import shutil
import subprocess
from pathlib import Path

from filterfleet.common.wire import Failed, Task
from tests.conftest import MakePhotographs
from tests.integration.harness import COMMAND, Fleet, wait_until
from tests.integration.test_lying_workers import OwnPeer, own_worker

ATTACK = "\x1b]0;owned\x07\x9b31m\b\r\u202e"
NAME = f"a{ATTACK}\nfailed forged.jpg: [red]x[link=http:x] :heart:.jpg"


def on_a_terminal(*arguments: object) -> tuple[int, bytes]:
    """The exit code of a command whose stdout and stderr are a terminal, and what it writes there."""
    master, slave = pty.openpty()
    argv = [COMMAND, *(os.fspath(a) if isinstance(a, os.PathLike) else str(a) for a in arguments)]
    environment = {**os.environ, "TERM": "dumb", "COLUMNS": "500", "NO_COLOR": "1"}
    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=slave, stderr=slave, env=environment)
    os.close(slave)
    said = b""
    with contextlib.suppress(OSError):  # EIO: the other end is closed
        while part := os.read(master, 1 << 16):
            said += part
    os.close(master)
    return process.wait(60), said


def check_harmless(said: bytes) -> None:
    text = said.decode()
    assert not set(text) & set("\x1b\x07\x9b\b\u202e"), text
    assert not text.replace("\r\n", "\n").count("\r")
    assert not any(line.startswith("failed forged") for line in text.splitlines())


def test_run_shows_names_as_they_are(tmp_path: Path):
    source = tmp_path / "in"
    source.mkdir()
    (source / NAME).write_bytes(b"\xff\xd8\xff no image")
    code, said = on_a_terminal("run", source, tmp_path / "out", "--engine", "sequential")
    assert code == 1
    check_harmless(said)
    assert b"[red]x[link=http:x] :heart:.jpg: " in said


def test_submit_and_status_show_what_peers_say(fleet: Fleet, photographs: MakePhotographs, tmp_path: Path):
    fleet.start_broker()
    reason = f"No.{ATTACK}\nfailed forged.jpg: x"
    photo = next(photographs(3, 60, 90).rglob("*.jpg"))
    with own_worker(fleet, host=f"host{ATTACK}", version=f"1\n{ATTACK}") as liar:
        wait_until(lambda: "owned" in fleet.status()["workers"][0]["host"], what="the worker's host")
        check_harmless(json.dumps(fleet.status(), ensure_ascii=False).encode())
        code, said = submit_to(liar, reason, photo, tmp_path, fleet)
    assert code == 1
    check_harmless(said)
    assert b"No." in said


def test_a_listener_that_ends_shows_what_peers_and_names_say(
    fleet: Fleet, photographs: MakePhotographs, tmp_path: Path
):
    fleet.start_broker()
    source = tmp_path / "in"
    source.mkdir()
    shutil.copy(next(photographs(3, 60, 90).rglob("*.jpg")), source / NAME)
    listener = fleet.start_listener(source, tmp_path / "out", "--once", "--settle", 0)
    wait_until(lambda: fleet.status()["waiting"] == 1 or not listener.alive, what="a task that waits")
    with own_worker(fleet) as liar:
        task = liar.next(Task)
        assert isinstance(task, Task)
        liar.send(Failed(task.id, "permanent", f"No.{ATTACK}\nfailed forged.jpg: x"))
        assert listener.wait() == 1
    check_harmless(listener.log.read_bytes())
    (note,) = (tmp_path / "out/failed").glob("*.txt")
    assert note.read_text(encoding="utf-8").removesuffix("\n").isprintable()


def submit_to(liar: OwnPeer, reason: str, photo: Path, tmp_path: Path, fleet: Fleet) -> tuple[int, bytes]:
    daemon = fleet.processes.start("submit", photo, "--output", tmp_path / "out", "--frontend-port", fleet.frontend)
    task = liar.next(Task)
    assert isinstance(task, Task)
    liar.send(Failed(task.id, "permanent", reason))
    return daemon.wait(), daemon.log.read_bytes()
