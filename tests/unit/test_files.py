import os
import threading

import pytest

from filterfleet.common.files import sweep, write_atomically


def test_a_file_is_written_with_its_folders_and_nothing_is_left_over(tmp_path):
    target, scratch = tmp_path / "a/b/c.jpg", tmp_path / "scratch"
    write_atomically(target, memoryview(b"picture"), scratch)
    assert target.read_bytes() == b"picture"
    assert list(scratch.iterdir()) == []


def test_an_error_leaves_the_old_file_and_no_temporary_one(tmp_path):
    scratch = tmp_path / "scratch"
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/old").write_bytes(b"old")
    with pytest.raises(IsADirectoryError):
        write_atomically(tmp_path / "folder", b"new", scratch)
    assert (tmp_path / "folder/old").read_bytes() == b"old"
    assert list(scratch.iterdir()) == []


def test_a_reader_sees_the_old_file_or_the_new_one(tmp_path):
    target, scratch = tmp_path / "file", tmp_path / "scratch"
    contents = [bytes([letter]) * 200_000 for letter in b"ab"]
    write_atomically(target, contents[0], scratch)
    stop, seen = threading.Event(), set()

    def look():
        while not stop.is_set():
            seen.add(target.read_bytes())

    reader = threading.Thread(target=look)
    reader.start()
    for turn in range(40):
        write_atomically(target, contents[turn % 2], scratch)
    stop.set()
    reader.join()
    assert seen
    assert seen <= set(contents)


def test_a_name_of_255_bytes_can_be_written(tmp_path):
    target = tmp_path / ("n" * 251 + ".jpg")
    write_atomically(target, b"x", tmp_path / "scratch")
    assert target.read_bytes() == b"x"


def test_sweep_removes_what_a_killed_process_left(tmp_path):
    sweep(tmp_path / "missing")
    (tmp_path / "0123").write_bytes(b"half")
    sweep(tmp_path)
    assert os.listdir(tmp_path) == []
