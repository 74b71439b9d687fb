"""File systems that take names for one which differ in capitals alone: no output replaces that of another image."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from filterfleet.batch import run
from filterfleet.common.wire import OutputFile
from filterfleet.listener.interfaces import TransferError
from filterfleet.listener.local.sink import OutputTree
from filterfleet.listener.local.spelling import keeps_capitals, may_fold, name_found
from tests.integration.harness import output_files

OUTPUTS = OutputFile("gray", "png", 3), OutputFile("edges", "png", 3)
OLD, NEW = (b"old", b"old"), (b"new", b"new")


@pytest.mark.parametrize(
    ("name", "names", "found"),
    [
        ("a.jpg", ["b.jpg"], "a.jpg"),
        ("a.jpg", ["A.jpg", "b.jpg"], "A.jpg"),
        ("a.jpg", ["A.jpg", "a.jpg"], "a.jpg"),
        ("\u00e9.jpg", ["e\u0301.jpg"], "\u00e9.jpg"),  # as HFS+ shows what it was given
        ("\u00e9.jpg", ["E\u0301.jpg"], "E\u0301.jpg"),
        ("\udcff.jpg", ["\udcff.JPG"], "\udcff.JPG"),
    ],
)
def test_the_name_that_a_name_leads_to(name, names, found):
    assert name_found(name, names) == found


def test_an_ordinary_file_system(tmp_path):
    (tmp_path / "a.jpg").touch()
    (tmp_path / "B.jpg").touch()
    folder = os.open(tmp_path, os.O_RDONLY)
    try:
        assert not may_fold(folder, "a.jpg")
        assert not may_fold(folder, "17")
        assert keeps_capitals(folder)
        assert sorted(os.listdir(folder)) == ["B.jpg", "a.jpg"]
    finally:
        os.close(folder)


def test_a_second_name_of_a_file_is_no_other_image(tmp_path):
    """A file with two names looks as if capitals did not count."""
    with contextlib.closing(OutputTree(tmp_path)) as tree:
        tree.put("A.png", OUTPUTS, OLD)
        os.link(tmp_path / "gray/A.png", tmp_path / "gray/a.png")
        tree.put("a.png", OUTPUTS, NEW)
        assert [(tmp_path / "gray" / name).read_bytes() for name in ("A.png", "a.png")] == [b"old", b"new"]


@pytest.fixture
def card(tmp_path: Path) -> Iterator[Path]:
    """A mounted memory card."""
    for program in ("mkfs.exfat", "mount.exfat-fuse"):
        if shutil.which(program) is None:
            pytest.skip(f"needs {program}, of the apt packages exfatprogs and exfat-fuse")
    image, place = tmp_path / "image", tmp_path / "card"
    place.mkdir()
    with image.open("wb") as file:
        file.truncate(16 << 20)
    subprocess.run(["mkfs.exfat", image], check=True, capture_output=True)
    found = subprocess.run(["losetup", "--find", "--show", image], capture_output=True, text=True)
    if found.returncode != 0:
        pytest.skip("there is no loop device")
    device = found.stdout.strip()
    try:
        if subprocess.run(["mount.exfat-fuse", "-o", "umask=022", device, place], capture_output=True).returncode != 0:
            pytest.skip("nothing can be mounted here")
        try:
            yield place / "out"
        finally:
            subprocess.run(["umount", place], check=True)
    finally:
        subprocess.run(["losetup", "--detach", device], check=True)


@pytest.mark.slow
@pytest.mark.parametrize(("first", "second"), [("A.png", "a.png"), ("Trip/a.png", "trip/a.png"), ("Ä.png", "ä.png")])
def test_of_two_names_that_are_one_the_first_keeps_its_outputs(card, first, second):
    with contextlib.closing(OutputTree(card)) as tree:
        tree.write(first, OUTPUTS, OLD)
        tree.write(second, OUTPUTS, NEW)
        ((path, error),) = tree.publish([first, second]).items()
        assert path == second
        assert str(error).startswith(f"The outputs cannot be written: gray/{first} is there, and this file system")
        assert not error.transient
        tree.put(first, OUTPUTS, NEW)  # its own may be replaced
        with pytest.raises(TransferError, match="give one of the images another name"):
            tree.put(second, OUTPUTS, OLD)
    files = output_files(card)
    assert sorted(files) == [f"edges/{first}", f"gray/{first}"]
    assert {file.read_bytes() for file in files.values()} == {b"new"}


@pytest.mark.slow
def test_a_folder_onto_a_card(card, photographs, tmp_path):
    source = tmp_path / "in"
    source.mkdir()
    for name, file in zip(("IMG.JPG", "img.jpg"), sorted(photographs(2, 90, 100).rglob("*.jpg")), strict=True):
        shutil.copy(file, source / name)
    done, failed = sorted(run(source, card, engine="sequential"), key=lambda row: row["status"])
    assert (done["status"], failed["status"]) == ("done", "failed")  # whichever came first
    assert f"{done['path']} is there" in failed["reason"]
    assert {Path(path).name for path in output_files(card)} == {done["path"], f"{done['path']}.png"}
