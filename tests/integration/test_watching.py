"""A listener that watches a folder while files come and change."""

from __future__ import annotations

import itertools
import os
import shutil
import time
from pathlib import Path

import pytest

from tests.integration.harness import (
    Daemon,
    Fleet,
    check_outputs,
    expected_outputs,
    ledger_rows,
    output_files,
    wait_until,
)


@pytest.fixture
def images(photographs) -> list[Path]:
    return sorted(photographs(200, 200, 500).rglob("*.jpg"))


@pytest.fixture
def watching(fleet: Fleet, tmp_path) -> Daemon:
    """A fleet whose listener watches tmp_path/in and writes to tmp_path/out."""
    (tmp_path / "in").mkdir()
    fleet.start_broker()
    fleet.start_worker()
    listener = fleet.start_listener(tmp_path / "in", tmp_path / "out", "--settle", 0.4, "--interval", 0.5)
    wait_until(lambda: "listener started" in listener.said, what="the listener")
    return listener


def wait_for_outputs(source: Path, output: Path) -> None:
    """Waits until the output folder has exactly the right files, with the right bytes."""
    expected = expected_outputs(source)

    def complete() -> bool:
        found = output_files(output)
        return found.keys() == expected.keys() and all(
            found[path].read_bytes() == data for path, data in expected.items()
        )

    wait_until(complete, what="the outputs")


def grow(file: Path, data: bytes) -> float:
    """Writes a file in 20 parts, within 2 s or more. Returns the longest time between two writes, in seconds."""
    part, written = len(data) // 20, []
    with file.open("wb", buffering=0) as growing:
        for start in range(0, len(data), part):
            growing.write(data[start : start + part])
            written.append(time.monotonic())
            time.sleep(0.1)
    return max(after - before for before, after in itertools.pairwise(written))


def test_a_file_that_grows_is_left_alone_until_it_is_whole(fleet: Fleet, images, tmp_path):
    """It grows for more than twice as long as a file must rest to count as whole.

    On a busy machine this test itself may rest for as long. Then it tries again with another file.
    """
    settle, source, output = 0.8, tmp_path / "in", tmp_path / "out"
    source.mkdir()
    fleet.start_broker()
    fleet.start_worker()
    listener = fleet.start_listener(source, output, "--settle", settle, "--interval", 0.3)
    wait_until(lambda: "listener started" in listener.said, what="the listener")
    names = (f"growing-{number}.jpg" for number in range(10))
    data = images[0].read_bytes()
    name = next((name for name in names if grow(source / name, data) < settle / 2), None)
    assert name is not None, "this machine is too busy for this test"
    wait_for_outputs(source, output)
    assert not [line for line in listener.said.splitlines() if "image failed" in line and name in line]
    rows = f"SELECT size FROM results WHERE path = '{name}'"
    wait_until(lambda: ledger_rows(output, rows), what="the ledger")
    assert ledger_rows(output, rows) == [(len(data),)]


def test_a_file_replaced_by_other_content_is_processed_again(watching: Daemon, images, tmp_path):
    target = tmp_path / "in" / "trip" / "a.jpg"
    target.parent.mkdir()
    for image in images[:3]:
        shutil.copy(image, tmp_path / "new.jpg")
        (tmp_path / "new.jpg").replace(target)
        wait_for_outputs(tmp_path / "in", tmp_path / "out")
    out = tmp_path / "out"
    wait_until(lambda: ledger_rows(out, "SELECT count(*) FROM results") == [(3,)], what="the third in the ledger")
    assert ledger_rows(out, "SELECT count(*) FROM objects") == [(1,)]


@pytest.mark.slow
def test_same_content_under_several_names_is_worked_on_once(watching: Daemon, fleet: Fleet, images, tmp_path):
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        shutil.copy(images[0], tmp_path / "in" / name)
    wait_for_outputs(tmp_path / "in", tmp_path / "out")
    shutil.copy(images[0], tmp_path / "in" / "later.jpg")
    wait_for_outputs(tmp_path / "in", tmp_path / "out")
    assert fleet.status()["counters"]["submitted"] == 1


@pytest.mark.slow
def test_what_is_no_image_is_left_alone(watching: Daemon, images, tmp_path):
    source = tmp_path / "in"
    (source / ".hidden").mkdir()
    for name in ("notes.txt", ".hidden.jpg", ".hidden/a.jpg", "jpg"):
        shutil.copy(images[0], source / name)
    (source / "folder.jpg").mkdir()
    (source / "dangling.jpg").symlink_to("nothing")
    os.mkfifo(source / "pipe.jpg")
    shutil.copy(images[1], source / "good.jpg")
    wait_for_outputs(source, tmp_path / "out")
    assert set(output_files(tmp_path / "out")) == {"grayscale/good.jpg", "blur/good.jpg", "edges/good.jpg.png"}


_HOSTILE_NAMES = [
    b'it\'s "quoted".jpg',
    b"$(touch owned).jpg",
    b"`touch owned`; touch owned.jpg",
    b"new\nline.jpg",
    b"-rf.jpg",
    b"--output=x.jpg",
    "日本語 смайл 🎞️.jpg".encode(),
    b"e\xcc\x81 and \xc3\xa9.jpg",
    b"n" * 246 + b".jpg",
    b"invalid \xff\xfe utf-8.jpg",
    b" leading and trailing .jpg",
    b"back\\slash.jpg",
    b"[red]markup %s {x}.jpg",
    b"\x1b[31mescape\x07.jpg",
    b"UPPER.JPG",
    b"a.jpg.png.jpg",
    b"~.jpg",
    b"*.jpg",
]
HOSTILE_NAMES = [os.fsdecode(name) for name in _HOSTILE_NAMES]


@pytest.mark.slow
def test_hostile_names_come_out_unharmed(fleet: Fleet, images, tmp_path):
    """The names are those of files and of folders. Each has an image that succeeds, and one that fails."""
    source, bad = tmp_path / "in", tmp_path / "bad"
    bad.mkdir()
    for number, name in enumerate(HOSTILE_NAMES):
        (source / f"{name}.d").mkdir(parents=True)
        shutil.copy(images[2 * number], source / name)
        shutil.copy(images[2 * number + 1], source / f"{name}.d" / name)
        (bad / name).touch()

    ports = ("--frontend-port", fleet.frontend, "--backend-port", fleet.backend)
    options = ("--once", "--settle", 0.1, *ports)
    code, said = fleet.processes.run("up", "--source", source, "--output", tmp_path / "out", *options)
    assert code == 0, said
    check_outputs(tmp_path / "out", expected_outputs(source))

    code, said = fleet.processes.run("up", "--source", bad, "--output", tmp_path / "out2", *options)
    assert code == 1, said
    assert "Traceback" not in said
    assert f"0 images done, {len(HOSTILE_NAMES)} failed" in said
    assert "failed [red]markup %s {x}.jpg: The file is empty." in said
    assert "\x1b[31m" not in said
    assert not list(tmp_path.rglob("owned*"))


@pytest.mark.slow
def test_submit_takes_hostile_names(fleet: Fleet, images, tmp_path, monkeypatch):
    """It prints them too, on a terminal that accepts UTF-8 only."""
    monkeypatch.setenv("PYTHONIOENCODING", "utf-8:strict")
    (tmp_path / "in").mkdir()
    files = [tmp_path / "in" / name for name in HOSTILE_NAMES]
    for image, file in zip(images, files, strict=False):
        shutil.copy(image, file)
    fleet.start_broker()
    fleet.start_worker()
    ports = ("--frontend-port", fleet.frontend)
    code, said = fleet.processes.run("submit", "--output", tmp_path / "out", *ports, "--", *files)
    assert code == 0, said
    check_outputs(tmp_path / "out", expected_outputs(tmp_path / "in"))
