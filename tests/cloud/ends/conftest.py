"""A store of each kind, for sources and sinks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from filterfleet.listener.cloud.rclone.remote_files import Rclone
from tests.cloud.conftest import StartServer
from tests.cloud.ends.rig import Rig
from tests.cloud.servers import KINDS, write_config


@pytest.fixture(params=KINDS)
def rig(request: pytest.FixtureRequest, start_server: StartServer, tmp_path: Path) -> Iterator[Rig]:
    server = start_server(request.param)
    server.root.put("in/.keep", b"")  # so that the bucket exists
    config = write_config(tmp_path / "rclone.conf", {server.kind: server.section()})
    rclone = Rclone(tmp_path / "rclone", config=config)
    rig = Rig(server, rclone, tmp_path / "state")
    try:
        yield rig
        assert rig.spooled == []
    finally:
        for sink in rig.sinks:
            sink.close()
        rclone.close()
