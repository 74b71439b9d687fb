"""Servers that are gone when a test ends."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from filterfleet.listener.cloud.rclone import daemon
from tests.cloud.servers import RcloneServer, SeaweedFS, Server

StartServer = Callable[[str], Server]
PATIENCE = 60.0  # seconds that our own rclone server may take to start, and a call may wait for it


@pytest.fixture(autouse=True)
def _a_busy_machine_is_no_fault_of_rclones(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test here is about a machine on which rclone takes long to start."""
    monkeypatch.setattr(daemon, "START", PATIENCE)
    monkeypatch.setattr(daemon, "SERVER_WAIT", PATIENCE)


@pytest.fixture
def start_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartServer]:
    """start_server(kind) returns a server that answers. kind: "s3", "sftp" and "webdav" by rclone, or "seaweed"."""
    with contextlib.ExitStack() as stack:

        def start(kind: str) -> Server:
            return stack.enter_context(make_server(kind, tmp_path_factory.mktemp(kind)))

        yield start


def make_server(kind: str, home: Path) -> Server:
    return SeaweedFS(home) if kind == "seaweed" else RcloneServer(kind, home)
