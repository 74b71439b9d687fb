"""Logs that other processes append to."""

from __future__ import annotations

import pytest

from filterfleet.common import rotation as rotation_module
from filterfleet.common.private import open_log
from filterfleet.common.rotation import Rotation


@pytest.fixture(autouse=True)
def _eager(monkeypatch):
    monkeypatch.setattr(rotation_module, "LOOK", 0.0)


def test_a_log_is_kept_small_while_others_append_to_it(tmp_path):
    log = tmp_path / "worker.log"
    rotation = Rotation([log], limit=1000, kept=2)
    with open_log(log) as one, open_log(log) as two:
        for n in range(100):
            one.write(b"%049d\n" % n)
            two.write(b"%049d\n" % n)
            rotation.look()
    files = sorted(file.name for file in tmp_path.iterdir())
    assert files == ["worker.log", "worker.log.1", "worker.log.2"]
    assert all(file.stat().st_size <= 1100 for file in tmp_path.iterdir())
    assert all(file.stat().st_mode & 0o077 == 0 for file in tmp_path.iterdir())
    lines = b"".join((tmp_path / name).read_bytes() for name in [*files[:0:-1], files[0]]).split()
    assert lines == sorted(lines), "in order"
    assert lines[-1] == b"%049d" % 99
    assert len(lines) == 2 * (100 - int(lines[0])), "no line is missing in between"


def test_a_small_log_is_left_alone(tmp_path):
    (tmp_path / "a.log").write_bytes(b"x" * 1000)
    Rotation([tmp_path / "a.log", tmp_path / "missing.log"], limit=1000).look()
    assert [file.name for file in tmp_path.iterdir()] == ["a.log"]


def test_a_link_in_the_place_of_an_older_log_is_not_followed(tmp_path):
    log, theirs = tmp_path / "a.log", tmp_path / "theirs"
    log.write_bytes(b"x" * 1001)
    theirs.write_bytes(b"theirs")
    (tmp_path / "a.log.1").symlink_to(theirs)
    Rotation([log], limit=1000, kept=1).look()
    assert theirs.read_bytes() == b"theirs"
