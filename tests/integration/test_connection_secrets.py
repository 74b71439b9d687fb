"""A source that needs secrets, given in a connection string: they are nowhere but in memory and environments."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from filterfleet.common.process.ports import free_ports
from filterfleet.listener.cloud.rclone.binary import find_rclone
from filterfleet.listener.cloud.rclone.remote_files import Rclone
from filterfleet.listener.interfaces import TransferError
from tests.conftest import MakePhotographs
from tests.integration.harness import Processes, expected_outputs, output_files


def obscured(password: str) -> str:
    return subprocess.check_output([find_rclone(), "obscure", password], text=True).strip()


@contextlib.contextmanager
def arguments_seen(process: psutil.Process) -> Iterator[set[str]]:
    """All arguments that a process's descendants have while this lasts. One that was forked a moment ago still has the
    command line of the process itself, which its user has typed."""
    seen: set[str] = set()
    typed = process.cmdline()
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(0.03):
            with contextlib.suppress(psutil.Error):
                for child in process.children(recursive=True):
                    with contextlib.suppress(psutil.Error):
                        if (words := child.cmdline()) != typed:
                            seen.update(words)

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield seen
    finally:
        ended.set()
        watcher.join()


def check_hidden(secret: str, *folders: Path) -> None:
    for folder in folders:
        for file in folder.rglob("*"):
            if file.is_file():
                assert secret.encode() not in file.read_bytes(), file


def test_up_keeps_the_secrets_of_its_source_to_itself(
    photographs: MakePhotographs, processes: Processes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The source is a folder that rclone encrypts, with a password in the string, and the output an alias."""
    monkeypatch.setenv("RCLONE_CONFIG", os.devnull)
    secret = obscured("the password")
    plain = tmp_path / "plain"
    shutil.copytree(photographs(3, 60, 90), plain)
    source = f":crypt,remote=\"{tmp_path / 'cipher: a'}\",password='{secret}':"
    output = f":alias,remote='{tmp_path / 'out, b'}':"
    subprocess.run([find_rclone(), "copy", plain, source], check=True, timeout=60)
    frontend, backend = free_ports()
    places = ("--source", source, "--output", output, "--state", tmp_path / "state")
    ports = ("--frontend-port", frontend, "--backend-port", backend)
    up = processes.start("up", *places, *ports, "--workers", 1, "--once", "--settle", 0)
    with arguments_seen(psutil.Process(up.pid)) as arguments:
        assert up.wait(90) == 0, up.said
    written = {name: file.read_bytes() for name, file in output_files(tmp_path / "out, b").items()}
    assert written == expected_outputs(plain)
    assert {"rcd", "lsjson"} <= arguments
    assert not [argument for argument in arguments if secret in argument]
    assert any(
        argument.endswith(':crypt,remote="' + str(tmp_path / "cipher: a") + '",password=***:') for argument in arguments
    )
    assert secret not in up.said
    check_hidden(secret, tmp_path / "state")
    for path in (tmp_path / "state", *(tmp_path / "state").rglob("*")):
        if path.suffix in (".sqlite3", ".log") or path.name == "state":
            assert not stat.S_IMODE(path.stat().st_mode) & 0o077, path


KEYS = "access_key_id=AKIAHUSH,secret_access_key=hushhush"


@pytest.mark.parametrize("wrong", [f":s3,endpoint='http://127.0.0.1:1,{KEYS}:bucket", f":s3,{KEYS}:bucket/../x"])
def test_a_place_that_is_wrong_is_named_without_its_secrets(processes: Processes, tmp_path: Path, wrong: str):
    places = ("--source", wrong, "--output", tmp_path / "out", "--state", tmp_path / "state")
    code, said = processes.run("listener", *places, "--once")
    assert code == 2, said
    assert len(said.strip().splitlines()) == 1
    assert "hush" not in said.lower()


def test_a_remote_that_fails_is_named_without_its_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("RCLONE_CONFIG", os.devnull)
    with contextlib.closing(Rclone(tmp_path / "rclone")) as rclone:
        for remote in (":nosuch", "nosuch", ":s3,provider=Minio,endpoint='http://127.0.0.1:1'"):
            place = f"{remote},{KEYS}:bucket"
            for ask in (lambda place=place: list(rclone.list(place, ())), lambda place=place: rclone.stat(place, "a")):
                with pytest.raises(TransferError) as failed:
                    ask()
                assert "hush" not in str(failed.value).lower()
                assert str(failed.value).startswith(f"{remote.partition(',')[0]}:bucket")
    check_hidden("hushhush", tmp_path)
    check_hidden("AKIAHUSH", tmp_path)
