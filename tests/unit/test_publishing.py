"""Sets of outputs in a local folder: whole or not at all, durable before anybody hears of them, on any file system."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import subprocess
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from filterfleet.common.wire import OutputFile
from filterfleet.listener.interfaces import TransferError
from filterfleet.listener.local import publishing, stages
from filterfleet.listener.local.journal import JOURNAL
from filterfleet.listener.local.sink import OutputTree
from filterfleet.listener.state import PRIVATE

OUTPUTS = tuple(OutputFile(name, "png", 3) for name in ("gray", "edges", "blur"))
OLD, NEW = (b"old",) * 3, (b"new",) * 3
REAL = os.rename


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "out"


@pytest.fixture
def tree(root: Path) -> Iterator[OutputTree]:
    with contextlib.closing(OutputTree(root)) as tree:
        yield tree


def contents(root: Path) -> dict[str, bytes]:
    """The results below a root, and what is left over of those that were not published."""
    files = {str(file.relative_to(root)): file.read_bytes() for file in root.rglob("*") if file.is_file()}
    return {path: data for path, data in files.items() if path not in (f"{PRIVATE}/lock", f"{PRIVATE}/{JOURNAL}")}


def placed(path: str, blobs: tuple[bytes, ...]) -> dict[str, bytes]:
    return {f"{output.name}/{path}": data for output, data in zip(OUTPUTS, blobs, strict=True)}


def failing(turn: int, act: object) -> object:
    """A rename that does something else in one turn."""
    turns = iter(range(100))

    def rename(*args: object, **named: object) -> None:
        if next(turns) == turn:
            act()  # type: ignore[operator]
        REAL(*args, **named)  # type: ignore[arg-type]

    return rename


def full() -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_results_belong_to_the_group_of_a_folder_that_hands_it_down(root):
    group = next((group for group in (*os.getgroups(), 12345) if group != os.getegid()), 12345)
    root.mkdir()
    try:
        os.chown(root, -1, group)
    except PermissionError:
        pytest.skip("needs root, or a user who is in two groups")
    root.chmod(0o2770)
    with contextlib.closing(OutputTree(root)) as tree:
        tree.put("trip/a.png", OUTPUTS, NEW)
    files = [root / path for path in placed("trip/a.png", NEW)]
    assert {file.stat().st_gid for file in files} == {group}


@pytest.mark.parametrize("turn", [0, 1, 2])
@pytest.mark.parametrize("before", [(), OLD])
def test_a_set_that_cannot_be_renamed_to_its_end_is_undone(tree, monkeypatch, before, turn):
    if before:
        tree.put("a.png", OUTPUTS, before)
    tree.write("a.png", OUTPUTS, NEW)
    tree.write("b.png", OUTPUTS, NEW)
    monkeypatch.setattr(publishing.os, "rename", failing(turn, full))
    failed = tree.publish(["a.png", "b.png"])
    assert {path: (str(error), error.transient) for path, error in failed.items()} == {
        "a.png": ("The outputs cannot be written: No space left on device.", True)
    }
    assert contents(tree.root) == (placed("a.png", before) if before else {}) | placed("b.png", NEW)


@pytest.mark.parametrize("turn", [0, 1, 2, 3])
@pytest.mark.parametrize("before", [(), OLD])
def test_a_set_that_a_crash_cuts_in_two_is_completed_by_the_next_start(root, before, turn):
    with contextlib.closing(OutputTree(root)) as tree:
        if before:
            tree.put("a.png", OUTPUTS, before)
        tree.put("c.png", OUTPUTS, OLD)
    with warnings.catch_warnings(
        action="ignore", category=DeprecationWarning
    ):  # of other threads: the child needs none
        child = os.fork()
    if child == 0:
        tree = OutputTree(root)
        tree.write("a.png", OUTPUTS, NEW)
        tree.write("b.png", OUTPUTS, NEW)
        publishing.os.rename = failing(turn, lambda: os._exit(9))
        tree.publish(["a.png", "b.png"])
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    OutputTree(root).close()
    done = placed("a.png", NEW if turn else before) if turn or before else {}
    assert contents(root) == done | placed("c.png", OLD)


def test_a_journal_that_makes_no_sense_is_left_aside(root):
    for text in (b"", b"[[", b"7\n", b"[[[1, 2]]]\n", b"\xff\n", b'[[["../x", "/etc/y", 7], ["a", "b", 8]]]\n'):
        OutputTree(root).close()
        (root / PRIVATE / JOURNAL).write_bytes(text)
        with contextlib.closing(OutputTree(root)) as tree:
            tree.put("a.png", OUTPUTS, NEW)
    assert contents(root) == placed("a.png", NEW)


@pytest.mark.parametrize("files", [1, 3])
def test_what_cannot_be_made_durable_is_in_no_place(tree, monkeypatch, files):
    def fail(*_: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch:
        for sync in ("sync_all", "sync_file"):
            patch.setattr(stages, sync, fail)
        paths = ["a.png", "b.png", "c.png"][:files]
        for path in paths:
            tree.write(path, OUTPUTS, NEW)
        failed = tree.publish(paths)
    assert {path: error.transient for path, error in failed.items()} == dict.fromkeys(paths, True)
    assert contents(tree.root) == {}
    tree.put("a.png", OUTPUTS, NEW)
    assert contents(tree.root) == placed("a.png", NEW)


def test_what_may_not_stay_in_its_place_counts_as_failed(tree, monkeypatch):
    def fail(*_: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(stages, "sync_folder", fail)
    with pytest.raises(TransferError, match="Input/output error"):
        tree.put("a.png", OUTPUTS[:1], NEW[:1])


def test_a_group_is_made_durable_by_two_calls_and_a_few_files_one_by_one(tree, monkeypatch):
    calls: list[str] = []

    def counted(name):
        real = getattr(stages, name)

        def call(*args):
            calls.append(name)
            real(*args)

        return call

    for name in ("sync_all", "sync_file", "sync_folder"):
        monkeypatch.setattr(stages, name, counted(name))
    if not tree._stages.own._whole:
        pytest.skip("not on a file system whose syncfs() can be trusted")
    for name in "ab":
        tree.write(name, OUTPUTS, NEW)
    assert tree.publish(["a", "b"]) == {}
    assert calls == ["sync_all", "sync_all"]
    calls.clear()
    tree.put("c", OUTPUTS[:1], NEW[:1])
    assert calls == ["sync_file", "sync_folder"]


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Path]:
    """A folder of another file system."""
    shared = Path("/dev/shm")
    if not shared.is_dir() or shared.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no second file system")
    folder = Path(tempfile.mkdtemp(dir=shared))
    yield folder
    shutil.rmtree(folder)


def test_an_output_may_be_on_another_file_system(root, elsewhere):
    root.mkdir()
    (root / "edges").symlink_to(elsewhere)
    staging = elsewhere / PRIVATE / "tmp"
    staging.mkdir(parents=True, mode=0o700)
    (staging / "0123").write_bytes(b"half")
    with contextlib.closing(OutputTree(root, links=True)) as tree:
        tree.put("trip/a.png", OUTPUTS, OLD)
        tree.put("trip/a.png", OUTPUTS, NEW)
        assert list(staging.iterdir()) == []
        assert contents(root) == dict.fromkeys(("gray/trip/a.png", "blur/trip/a.png"), b"new")
        assert (elsewhere / "trip/a.png").read_bytes() == b"new"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")
@pytest.mark.parametrize("options", [("--bind",), ("-t", "tmpfs")], ids=["bind", "tmpfs"])
def test_an_output_may_be_mounted(root, tmp_path, options):
    """A folder that is bound has the number of our own file system, and nothing can be renamed into it all the same."""
    (root / "edges").mkdir(parents=True)
    (tmp_path / "disk").mkdir()
    if subprocess.run(["mount", *options, tmp_path / "disk", root / "edges"], capture_output=True).returncode != 0:
        pytest.skip("nothing can be mounted here")
    try:
        with contextlib.closing(OutputTree(root)) as tree:
            for content in (OLD, NEW):
                tree.put("trip/a.png", OUTPUTS, content)
        results = {path: data for path, data in contents(root).items() if PRIVATE not in path}
        assert results == placed("trip/a.png", NEW)
    finally:
        subprocess.run(["umount", root / "edges"], check=True)


def test_what_was_mounted_meanwhile_is_another_try(root, elsewhere):
    """The file system of a folder is remembered: a rename that shows that it is another one by now makes us look."""
    (root / "edges").mkdir(parents=True)
    with contextlib.closing(OutputTree(root, links=True)) as tree:
        tree.put("a.png", OUTPUTS, OLD)
        shutil.rmtree(root / "edges")
        (root / "edges").symlink_to(elsewhere)
        with pytest.raises(TransferError, match="Invalid cross-device link") as raised:
            tree.put("a.png", OUTPUTS, NEW)
        assert raised.value.transient
        assert (root / "gray/a.png").read_bytes() == b"old"
        tree.put("a.png", OUTPUTS, NEW)
        assert (elsewhere / "a.png").read_bytes() == (root / "gray/a.png").read_bytes() == b"new"
