"""Servers for the adapter, adapters, and files to transfer."""

import contextlib
import os

import pytest

from filterfleet.listener.cloud.rclone.remote_files import Rclone
from tests.cloud.servers import PASSWORD, RcloneServer, write_config

BIG = 8 << 20  # bytes


class Store(RcloneServer):
    """A server, and a configuration in which it is not known to be rclone's. folder: its files; fs: the remote."""

    def __init__(self, kind, home, password, options):
        home.mkdir()
        super().__init__(kind, home, "-v", *options)
        self.folder, self.fs = self.disk.root, f"{kind}:bucket"
        section = self.section(password=password) | ({"vendor": "other"} if kind == "webdav" else {})
        section.pop("shell_type", None)
        self.config = write_config(home / "rclone.conf", {kind: section})


@pytest.fixture
def serve(tmp_path):
    """serve(kind) starts a server. password: the one in the configuration; options: for `rclone serve`."""
    with contextlib.ExitStack() as stack:

        def start(kind, password=PASSWORD, options=()):
            return stack.enter_context(Store(kind, tmp_path / kind, password, options))

        yield start


@pytest.fixture
def connect(tmp_path):
    made = []

    def make(server, **options):
        made.append(Rclone(tmp_path / f"state-{len(made)}", config=server.config, **options))
        return made[-1]

    yield make
    for rclone in made:
        rclone.close()


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"content")
    os.utime(path, ns=(10**18 + 123456789,) * 2)
    return path


@pytest.fixture
def big(tmp_path):
    path = tmp_path / "big"
    path.write_bytes(os.urandom(BIG))
    return path
