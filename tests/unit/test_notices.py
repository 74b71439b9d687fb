"""Change notifications that are missing, run out, or are about another folder than before."""

from __future__ import annotations

import contextlib
import errno
import os
import queue
import subprocess
import sys
import time

import pytest

from filterfleet.listener.core.scan import ROOT
from filterfleet.listener.local import watch
from filterfleet.listener.local.sentinel import Sentinel
from filterfleet.listener.local.watch import Notices

IN_ACCESS, IN_CLOSE_NOWRITE, IN_OPEN = 0x1, 0x10, 0x20  # of inotify(7)


class Rig:
    def __init__(self, root):
        self.paths = queue.SimpleQueue()
        self.notices = Notices(root, self.paths.put)

    def hears(self, path):
        deadline = time.monotonic() + 20
        while self.paths.get(timeout=deadline - time.monotonic()) != path:
            pass
        return True


@pytest.fixture
def logged(monkeypatch):
    lines = []
    for level in ("info", "warning"):
        monkeypatch.setattr(watch.log, level, lambda event, **_: lines.append(event))
    return lines


@pytest.fixture
def rig(tmp_path, logged):
    (tmp_path / "in").mkdir()
    rig = Rig(tmp_path / "in")
    rig.notices.start()
    yield rig
    rig.notices.stop()
    rig.notices.check()  # as a scan may that is still under way
    assert rig.notices._watching is None


def test_a_folder_that_stays_where_it_is_is_watched_once(rig, tmp_path, logged):
    before = rig.notices._watching
    for number in range(3):
        rig.notices.check()
        (tmp_path / "in" / f"{number}.jpg").touch()
        assert rig.hears(f"{number}.jpg")
    assert rig.notices._watching is before
    assert logged == []


def test_files_that_are_only_read_are_not_reported(rig):
    """A listener reads whole backfills itself, and what is uploaded meanwhile would wait behind the reports of that."""
    (observer, _) = rig.notices._watching
    (emitter,) = observer.emitters
    assert not emitter.get_event_mask_from_filter() & (IN_OPEN | IN_ACCESS | IN_CLOSE_NOWRITE)


@pytest.mark.parametrize("gone", [lambda root: root.rmdir(), lambda root: root.rename(root.with_name("old"))])
def test_a_source_that_comes_back_is_watched_again(rig, tmp_path, logged, gone):
    gone(tmp_path / "in")
    rig.notices.check()
    rig.notices.check()
    assert logged == [
        "the source is not the folder that was watched any more, watching it again",
        "no change notifications, relying on scans",
    ]
    (tmp_path / "in").mkdir()
    rig.notices.check()
    assert logged[2:] == ["change notifications work again"]
    (tmp_path / "in/a.jpg").touch()
    assert rig.hears("a.jpg")


def test_a_source_that_was_replaced_between_two_scans_is_watched_again(rig, tmp_path, logged):
    (tmp_path / "in").rename(tmp_path / "old")
    (tmp_path / "in").mkdir()
    rig.notices.check()
    (tmp_path / "in/a.jpg").touch()
    assert rig.hears("a.jpg")
    assert logged == ["the source is not the folder that was watched any more, watching it again"]


def test_notifications_that_end_are_begun_again(rig, tmp_path):
    observer, _ = rig.notices._watching
    observer.stop()
    observer.join()
    rig.notices.check()
    (tmp_path / "in/a.jpg").touch()
    assert rig.hears("a.jpg")


def test_watches_that_run_out_are_told_once_and_everything_is_watched_when_there_are_more(
    rig, tmp_path, logged, monkeypatch
):
    with monkeypatch.context() as patch:
        patch.setattr(Sentinel, "can_watch_more", lambda _: False)
        for _ in range(3):
            rig.notices.check()
    assert logged == ["no change notifications for some folders, relying on scans"]
    before = rig.notices._watching
    rig.notices.check()
    assert logged[1:] == ["change notifications work again"]
    assert rig.notices._watching is not before
    (tmp_path / "in/trip").mkdir()
    assert rig.hears(ROOT)


@pytest.mark.parametrize("broken", ["Observer", "Sentinel"])
def test_a_system_without_notifications_is_a_warning_and_nothing_is_left_open(tmp_path, logged, monkeypatch, broken):
    def fail(*_):
        raise OSError(errno.EMFILE, "inotify instance limit reached")

    monkeypatch.setattr(watch, broken, fail)
    rig, before = Rig(tmp_path), len(os.listdir("/proc/self/fd"))
    with contextlib.closing(contextlib.ExitStack()) as stack:
        stack.callback(rig.notices.stop)
        rig.notices.start()
        rig.notices.check()
        assert logged == ["no change notifications, relying on scans"]
        assert len(os.listdir("/proc/self/fd")) == before


# --- the real limits, in a user namespace of their own ----

WATCHER = """
import os, sys, time
from pathlib import Path
from filterfleet.common.logs import configure
from filterfleet.listener.local.watch import Notices

configure()

def limit(number):
    Path(f"/proc/sys/user/max_inotify_{sys.argv[1]}").write_text(str(number))

root = Path(sys.argv[2])
limit(sys.argv[3])
heard = []
notices = Notices(root, heard.append)
notices.start()
notices.check()
limit(100)
notices.check()
(root / "deep/a.jpg").touch()
deadline = time.monotonic() + 20
while "deep/a.jpg" not in heard and time.monotonic() < deadline:
    time.sleep(0.01)
notices.stop()
print("heard", "deep/a.jpg" in heard)
"""


REMOUNT = """
import subprocess, sys, time
from pathlib import Path
from filterfleet.listener.local.watch import Notices

root = Path(sys.argv[1])

def mount(*command):
    subprocess.run([*command, str(root)], check=True)

mount("mount", "-t", "tmpfs", "none")
heard = []
notices = Notices(root, heard.append)
notices.start()
notices.check()
mount("umount")
mount("mount", "-t", "tmpfs", "none")
notices.check()
(root / "a.jpg").touch()
deadline = time.monotonic() + 20
while "a.jpg" not in heard and time.monotonic() < deadline:
    time.sleep(0.01)
notices.stop()
print("heard", "a.jpg" in heard)
"""


def test_a_source_that_is_mounted_anew_is_watched_again(tmp_path):
    if subprocess.run(["unshare", "-Urm", "true"], capture_output=True, check=False).returncode:
        pytest.skip("this system has no user namespaces for us")
    program = ("unshare", "-Urm", sys.executable, "-c", REMOUNT, str(tmp_path))
    ended = subprocess.run(program, capture_output=True, text=True, timeout=60, check=False)
    said = ended.stdout + ended.stderr
    assert said.count("the source is not the folder that was watched any more") == 1, said
    assert "heard True" in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("what", "number", "words"),
    [
        ("instances", 0, "no change notifications, relying on scans"),
        ("instances", 1, "no change notifications, relying on scans"),
        ("watches", 0, "no change notifications, relying on scans"),
        ("watches", 1, "no change notifications, relying on scans"),
        ("watches", 3, "no change notifications for some folders, relying on scans"),
    ],
)
def test_real_limits_are_told_and_outlived(tmp_path, what, number, words):
    if subprocess.run(["unshare", "-Ur", "true"], capture_output=True, check=False).returncode:
        pytest.skip("this system has no user namespaces for us")
    (tmp_path / "deep/er/and/er").mkdir(parents=True)
    program = ("unshare", "-Ur", sys.executable, "-c", WATCHER, what, str(tmp_path), str(number))
    ended = subprocess.run(program, capture_output=True, text=True, timeout=60, check=False)
    said = ended.stdout + ended.stderr
    assert said.count(words) == 1, said
    assert said.count("change notifications work again") == 1, said
    assert "heard True" in said
    assert "Traceback" not in said
