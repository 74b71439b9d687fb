"""Servers that are gone when a test ends."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cloud.servers import RcloneServer, SeaweedFS, Server

StartServer = Callable[[str], Server]


@pytest.fixture
def start_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartServer]:
    """kind -> a server of it that answers: "s3", "sftp" and "webdav" by rclone, or "seaweed"."""
    with contextlib.ExitStack() as stack:

        def start(kind: str) -> Server:
            return stack.enter_context(make_server(kind, tmp_path_factory.mktemp(kind)))

        yield start


def make_server(kind: str, home: Path) -> Server:
    return SeaweedFS(home) if kind == "seaweed" else RcloneServer(kind, home)
