"""Values and files pass through a pipe."""

import contextlib
import errno
import multiprocessing
import os
import resource

import pytest

from filterfleet.common.blob import FileBlob, whole
from filterfleet.worker.engines.channel import Channel


@pytest.fixture
def ends():
    with contextlib.ExitStack() as stack:
        yield [Channel(stack.enter_context(contextlib.closing(end))) for end in multiprocessing.Pipe()]


def file_of(data):
    blob = FileBlob()
    blob.append(data)
    return blob


def test_files_are_passed_and_not_copied(ends):
    ours, theirs = ends
    files = [file_of(bytes([number]) * 1000) for number in range(64)]
    ours.send(("a", files, b"bytes"))
    ours.send(None)
    name, received, data = theirs.recv()
    assert (name, data) == ("a", b"bytes")
    assert [whole(file) for file in received] == [whole(file) for file in files]
    assert [os.fstat(file.fileno()).st_ino for file in received] == [os.fstat(file.fileno()).st_ino for file in files]
    assert theirs.recv() is None
    assert not theirs.poll()


def test_a_file_outlives_its_sender(ends):
    ours, theirs = ends
    ours.send(file_of(b"still here"))
    assert whole(theirs.recv()) == b"still here"


def test_the_end_of_the_other_side_is_heard(ends):
    ours, theirs = ends
    theirs.close()
    with pytest.raises((EOFError, OSError)):
        ours.recv()
    with pytest.raises(OSError, match="Broken pipe"):
        ours.send(file_of(b"x"))


def test_files_that_find_no_room_in_this_process_are_an_error(ends):
    ours, theirs = ends
    ours.send([file_of(b"1"), file_of(b"2")])
    with theirs._socket() as room:
        lowest = room.fileno()
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest + 2, limits[1]))  # for the socket and one file
        with pytest.raises(OSError, match="Too many open files") as raised:
            theirs.recv()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert raised.value.errno == errno.EMFILE
