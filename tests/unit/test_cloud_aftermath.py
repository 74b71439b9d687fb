"""What happens in a cloud to images that are done."""

from dataclasses import replace

import pytest

from filterfleet.listener.core.scan import Version
from filterfleet.listener.interfaces import ChangedError, TransferError
from filterfleet.listener.settings.aftermath import Delete, MoveTo
from tests.unit.memory_rclone import ATOMIC, MemoryRclone


def fail(what):
    def before(call):
        if call.startswith(what):
            raise TransferError("The server cannot be reached.", transient=True)

    return before


def test_only_the_version_that_was_processed_is_taken_away(source_of):
    rclone = MemoryRclone(ATOMIC)
    rclone.put("a.jpg", b"12345", mtime_ns=1)
    source = source_of(rclone, after=Delete())
    with pytest.raises(ChangedError):
        source.take_away("a.jpg", Version(5, 0))
    assert rclone.contents == {"a.jpg": b"12345"}
    for _ in range(2):  # the second time there is nothing left to do
        source.take_away("a.jpg", Version(5, 1))
        assert rclone.contents == {}


def test_what_moves_takes_a_name_that_is_free(source_of):
    rclone = MemoryRclone(replace(ATOMIC, folders=True))
    source = source_of(rclone, after=MoveTo("done"))
    for data in (b"1", b"2", b"3"):
        rclone.put("trip/a.jpg", data)
        source.take_away("trip/a.jpg", Version(1, 0))
    assert rclone.contents == {"done/trip/a.jpg": b"1", "done/trip/a (2).jpg": b"2", "done/trip/a (3).jpg": b"3"}
    assert rclone.calls.count("make done/trip") == 1
    rclone.put("trip/a.jpg", b"4")
    rclone.before = fail("move")
    with pytest.raises(TransferError):
        source.take_away("trip/a.jpg", Version(1, 0))
    rclone.before = lambda _: None
    source.take_away("trip/a.jpg", Version(1, 0))
    assert rclone.calls.count("make done/trip") == 2, "the folder may be gone"


def test_a_name_that_is_taken_too_often_is_one_sentence(source_of):
    rclone = MemoryRclone(ATOMIC)
    entry = rclone.put("a.jpg", b"1")
    rclone.stat = lambda *_: entry
    with pytest.raises(TransferError, match="too many") as raised:
        source_of(rclone, after=MoveTo("done")).take_away("a.jpg", Version(1, 0))
    assert not raised.value.transient


def test_nothing_happens_to_what_is_kept(source_of):
    rclone = MemoryRclone(ATOMIC)
    rclone.put("a.jpg", b"1")
    source_of(rclone).take_away("a.jpg", Version(1, 0))
    assert rclone.contents == {"a.jpg": b"1"}
