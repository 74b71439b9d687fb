"""`filterfleet doctor` and this machine: memory, disks, folders, and what is installed."""

from __future__ import annotations

import contextlib
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from filterfleet.common.process.system import VERSION
from filterfleet.doctor import disks, imaging, machine
from filterfleet.doctor.disks import check_temporary, check_watches, kind_of, room
from filterfleet.doctor.finding import Finding, Level
from filterfleet.doctor.keys import check_keys
from filterfleet.doctor.machine import check_memory, check_shared
from filterfleet.doctor.places import check_places
from filterfleet.doctor.programs import check_programs, programs
from tests.unit.rights_rig import NOBODY, acting_as

OK, WARNING, PROBLEM = Level.OK, Level.WARNING, Level.PROBLEM


def levels(findings: Iterator[Finding]) -> list[Level]:
    return [finding.level for finding in findings]


# --- this machine ----


def test_little_memory_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    assert levels(check_memory()) == [OK]
    monkeypatch.setattr(machine, "memory", lambda: 256 << 20)
    (finding,) = check_memory()
    assert finding.level is WARNING
    assert "256 MiB" in finding.says


def test_shared_memory_that_is_missing_or_small_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert levels(check_shared(tmp_path)) == [OK]
    assert levels(check_shared(tmp_path / "none")) == [WARNING]
    monkeypatch.setattr(machine, "LITTLE_SHARED", 1 << 60)
    assert levels(check_shared(tmp_path)) == [WARNING]


@pytest.mark.parametrize(("little", "some", "level"), [(0, 0, OK), (0, 1 << 60, WARNING), (1 << 60, 1 << 61, PROBLEM)])
def test_room_on_a_disk(little: int, some: int, level: Level, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disks, "LITTLE_ROOM", little)
    monkeypatch.setattr(disks, "SOME_ROOM", some)
    assert room("output", tmp_path / "not/there/yet").level is level


@pytest.fixture
def tmpfs(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "doctor", folder], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("needs root, for a mount")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def test_a_temporary_folder_in_memory_is_a_warning_and_a_full_one_a_problem(
    tmpfs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmpfs))
    found = list(check_temporary())
    assert [one.level for one in found] == [WARNING, PROBLEM]
    assert "which is in memory (tmpfs)" in found[0].says
    assert "TMPDIR=/var/tmp" in found[0].do
    assert "free space" in found[1].says


def test_no_temporary_folder_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "gone"))
    (finding,) = check_temporary()
    assert finding.level is PROBLEM
    assert "TMPDIR" in finding.do


def test_a_temporary_folder_that_is_passed_over_is_a_problem(
    tmpfs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))  # what Python has taken
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    assert PROBLEM not in levels(check_temporary())
    (tmpfs / "large").write_bytes(bytes(60 << 10))
    with contextlib.suppress(OSError):
        (tmpfs / "more").write_bytes(bytes(60 << 10))
    for named, reason in ((tmpfs, "No space left on device"), (tmp_path / "gone", "No such file or directory")):
        monkeypatch.setenv("TMPDIR", str(named))
        found = next(check_temporary())
        assert found.level is PROBLEM
        assert f"TMPDIR names {named}, which cannot be used: {reason}." in found.says


def test_the_kind_of_a_file_system(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(f"/dev/sda1 / ext4 rw 0 0\nnone {tmp_path}/a\\040b tmpfs rw 0 0\nbroken\n")
    assert kind_of(tmp_path / "a b/c", mounts) == "tmpfs"
    assert kind_of(tmp_path, mounts) == "ext4"
    assert kind_of(tmp_path, tmp_path / "none") == ""


def inotify(folder: Path, watches: str, instances: str) -> Path:
    (folder / "max_user_watches").write_text(watches)
    (folder / "max_user_instances").write_text(instances)
    return folder


def test_too_few_watches_are_a_warning(tmp_path: Path) -> None:
    source = tmp_path / "in"
    for name in "abc":
        (source / name).mkdir(parents=True)
    assert levels(check_watches(source, inotify(tmp_path, "4\n", "128\n"))) == [OK]
    (few,) = check_watches(source, inotify(tmp_path, "3\n", "128\n"))
    assert few.level is WARNING
    assert "has 4 folders, and this system watches 3" in few.says
    assert "fs.inotify.max_user_watches=8" in few.do
    assert levels(check_watches(source, inotify(tmp_path, "4\n", "2\n"))) == [WARNING]
    assert levels(check_watches(source, inotify(tmp_path, "many\n", "2\n"))) == [WARNING]


@pytest.mark.parametrize("what", ["watches", "instances"])
def test_watches_that_are_used_up_are_a_warning(tmp_path: Path, what: str) -> None:
    if subprocess.run(["unshare", "-Ur", "true"], capture_output=True, check=False).returncode:
        pytest.skip("this system has no user namespaces for us")
    check = f"echo 1 >/proc/sys/user/max_inotify_{what} && exec filterfleet doctor --only folders --source {tmp_path}"
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    said = subprocess.run(
        ["unshare", "-Ur", "sh", "-ec", check], capture_output=True, text=True, timeout=60, env=environment
    ).stdout
    assert f"used up all that the system lets them watch (fs.inotify.max_user_{what})" in said
    assert f"sysctl fs.inotify.max_user_{what}=" in said


# --- folders ----


def test_folders_that_are_in_order(tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.mkdir()
    found = list(check_places(str(source), str(tmp_path / "out"), None))
    assert {one.check for one in found} == {"source", "notifications", "output"}
    assert PROBLEM not in levels(iter(found))
    assert [path.name for path in tmp_path.iterdir()] == ["in"], "it leaves nothing behind"


def test_a_source_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    (finding,) = check_places(str(tmp_path / "none"), None, None)
    assert (finding.check, finding.level) == ("source", PROBLEM)


def test_folders_in_each_other_are_a_problem(tmp_path: Path) -> None:
    (finding,) = [one for one in check_places(str(tmp_path), str(tmp_path / "out"), None) if one.level is PROBLEM]
    assert "overlap" in finding.says


def test_an_output_is_looked_at_though_the_source_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    found = list(check_places(str(tmp_path / "nowhere"), str(tmp_path / "file"), None))
    assert [(one.check, one.level) for one in found] == [("source", PROBLEM), ("output", PROBLEM)]


def test_an_output_that_is_read_only_needs_no_other_owner(tmpfs: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", tmpfs], check=True)
    (finding,) = check_places(None, str(tmpfs / "out"), None)
    assert "Read-only file system" in finding.says
    assert "Mount it for writing" in finding.do


def test_an_output_that_is_a_file_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    (finding,) = check_places(None, str(tmp_path / "out"), None)
    assert (finding.check, finding.level) == ("output", PROBLEM)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_an_output_of_somebody_else_is_a_problem(tmp_path: Path) -> None:
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    assert levels(check_places(None, str(tmp_path / "out"), None)) == [PROBLEM]


# --- what is installed ----


def test_formats_and_fonts_of_this_installation() -> None:
    assert PROBLEM not in levels(imaging.check_formats())
    assert levels(imaging.check_fonts()) == [OK]


def test_a_missing_extra_is_a_warning_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imaging, "unreadable_formats", lambda: frozenset({"heic", "jxl", "raw"}))
    found = [one for one in imaging.check_formats() if one.level is WARNING]
    assert [one.says for one in found] == [f"{name} files cannot be read." for name in ("HEIC", "JXL", "RAW")]
    assert "pip install 'filterfleet[heic]'" in found[0].do


def test_an_extra_that_does_not_load_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "rawpy.py").write_text("raise OSError('libraw.so: cannot open shared object file')\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(__import__("sys").modules, "rawpy", raising=False)
    monkeypatch.setattr(imaging, "unreadable_formats", lambda: frozenset({"heic", "jxl"}))
    (finding,) = [one for one in imaging.check_formats() if one.level is PROBLEM]
    assert "RAW files cannot be read: rawpy fails with OSError." in finding.says


def test_another_version_on_path_is_named(tmp_path: Path) -> None:
    texts = {"old": "echo filterfleet 0.0.9", "same": f"echo filterfleet {VERSION}", "broken": "exit 1"}
    for name, text in texts.items():
        program = tmp_path / name / "filterfleet"
        program.parent.mkdir()
        program.write_text(f"#!/bin/sh\n{text}\n")
        program.chmod(0o755)
    (tmp_path / "link").mkdir()
    (tmp_path / "link/filterfleet").symlink_to(tmp_path / "same/filterfleet")
    path = os.pathsep.join(str(tmp_path / name) for name in ("same", "link", "old", "broken", "none"))
    assert len(programs(path)) == 3
    found = list(check_programs(path))
    assert levels(iter(found)) == [WARNING, WARNING]
    assert "says 'filterfleet 0.0.9'" in found[0].says
    assert "broken/filterfleet does not run: it tells no version" in found[1].says
    assert levels(check_programs(str(tmp_path / "same"))) == [OK]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another user")
def test_folders_that_this_user_cannot_enter_end_no_check(tmp_path: Path) -> None:
    """As where sudo keeps root's PATH."""
    (tmp_path / "bin").mkdir()
    with acting_as(NOBODY):
        assert programs(f"{tmp_path}/bin") == []
        (finding,) = check_keys(tmp_path / "keys")
    assert "cannot be read: Permission denied" in finding.says
