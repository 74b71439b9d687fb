"""`filterfleet doctor` and folders in a cloud, on real servers."""

from __future__ import annotations

from pathlib import Path

import pytest

from filterfleet.doctor.finding import Level
from filterfleet.doctor.places import check_places
from tests.cloud.conftest import StartServer
from tests.cloud.servers import write_config

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("kind", ["s3", "webdav"])
def test_a_remote_that_answers_and_one_that_has_stopped(kind: str, start_server: StartServer, tmp_path: Path) -> None:
    server = start_server(kind)
    config = write_config(tmp_path / "rclone.conf", {kind: server.section()})
    (server.root / "in").put("a.jpg", b"not looked at")
    source, output = f"{server.root.fs}/in", f"{server.root.fs}/out/new"
    found = list(check_places(source, output, config))
    assert [(one.check, one.level) for one in found] == [
        ("rclone", Level.OK),
        ("source", Level.OK),
        ("output", Level.OK),
    ]
    server.stop()
    found = list(check_places(source, None, config))
    assert [(one.check, one.level) for one in found] == [("rclone", Level.OK), ("source", Level.PROBLEM)]
    assert "cannot be reached" in found[-1].says
    assert "rclone lsf" in found[-1].do
