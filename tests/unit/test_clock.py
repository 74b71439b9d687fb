"""The clock of file systems."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from filterfleet.listener.local.clock import FileClock, kinds_below

MOUNTS = r"""22 1 0:21 / / rw - ext4 /dev/vda rw
23 22 0:22 / /proc rw - proc proc rw
30 22 0:30 / /mnt/photos rw shared:1 - nfs4 server:/photos rw
31 22 0:31 / /mnt/with\040blank rw - vfat /dev/sdb rw
32 30 0:32 / /mnt/photos/local rw - xfs /dev/sdc rw
33 22 0:33 / /home rw - ext4 /dev/vdb rw
34 22 0:34 / /home rw - fuse.sshfs host: rw
"""


@pytest.mark.parametrize(
    ("folder", "kinds"),
    [
        ("/var/photos", {"ext4"}),
        ("/mnt/photos/trip", {"nfs4"}),
        ("/mnt/photos", {"nfs4", "xfs"}),
        ("/mnt/photos2", {"ext4"}),
        ("/mnt/with blank/in", {"vfat"}),
        ("/mnt/photos/local/in", {"xfs"}),
        ("/home/me", {"fuse.sshfs"}),
    ],
)
def test_the_kinds_of_the_file_systems_that_a_folder_is_in(folder: str, kinds: set[str]) -> None:
    assert kinds_below(MOUNTS, folder) == kinds


def test_the_clock_of_this_machine_is_that_of_its_local_folders(tmp_path: Path) -> None:
    clock = FileClock(tmp_path)
    before = time.time_ns()
    (tmp_path / "a").touch()
    told = clock.read()
    if told is not None:  # on an unknown file system nothing is told
        assert before - 10**7 <= told <= time.time_ns() + 10**7


def test_a_clock_that_is_set_forwards_makes_nothing_look_older(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text("22 1 0:21 / / rw - ext4 /dev/vda rw\n")
    wall, monotonic = [1000], [10]
    clock = FileClock(tmp_path, wall=lambda: wall[0], monotonic=lambda: monotonic[0], mounts=mounts)
    assert clock.read() == 1000
    wall[0], monotonic[0] = 5001, 11  # an hour forwards, say
    assert clock.read() == 1001
    wall[0], monotonic[0] = 502, 12  # and backwards
    assert clock.read() == 502


def test_where_the_mounts_cannot_be_read_or_are_served_by_others_nobody_knows_the_clock(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    assert FileClock(tmp_path, mounts=mounts).read() is None
    mounts.write_text("22 1 0:21 / / rw - nfs4 server:/ rw\n")
    assert FileClock(tmp_path, mounts=mounts).read() is None
