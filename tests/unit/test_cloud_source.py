"""A source in a cloud, on a store in memory."""

import errno
import hashlib
import os
from types import SimpleNamespace
from unittest.mock import Mock

import pytest

from filterfleet.common.blob import FileBlob, whole
from filterfleet.common.errors import ImageError
from filterfleet.common.wire.messages import BLOB_LIMIT
from filterfleet.listener.cloud.rclone.remote_files import Entry
from filterfleet.listener.cloud.source import CloudSource
from filterfleet.listener.core.scan import Version
from filterfleet.listener.interfaces import ChangedError, TransferError
from filterfleet.listener.settings.aftermath import Delete, Keep, MoveTo
from filterfleet.listener.settings.ignore import LIMIT as IGNORE_LIMIT
from filterfleet.listener.settings.location import Remote
from filterfleet.listener.settings.selection import IGNORE_FILE, Selection
from tests.unit.memory_rclone import ATOMIC, DRIVE, PLAIN, MemoryRclone

LIMIT = 1000
KEEP = Keep()


def fail(what):
    def before(call):
        if call.startswith(what):
            raise TransferError("The server cannot be reached.", transient=True)

    return before


# --- listing ----


def test_images_are_listed_with_all_that_tells_two_contents_apart(source_of):
    rclone = MemoryRclone(ATOMIC, Entry("trip/a.JPG", 5, 7), Entry("b.png", 6, 8, "id", "md5:0"), Entry("c.txt", 1, 1))
    source = source_of(rclone)
    assert source.list().objects == {"trip/a.JPG": Version(5, 7), "b.png": Version(6, 8, "md5:0")}
    assert (source.name, source.atomic, source.remote) == ("cloud:photos", True, True)
    assert not source_of(MemoryRclone(PLAIN)).atomic


def test_an_object_without_a_size_is_left_out(source_of):
    assert source_of(MemoryRclone(DRIVE, Entry("letter.jpg", -1, 1, "id"))).list().objects == {}


def test_a_listing_that_fails_half_way_keeps_what_was_seen(source_of):
    rclone = MemoryRclone(ATOMIC, Entry("a.jpg", 5, 7))
    rclone.listing_fails = "The server has a fault."
    listing = source_of(rclone).list()
    assert listing.objects.keys() == {"a.jpg"}
    assert listing.unread == {".": "The server has a fault."}


@pytest.mark.parametrize(
    "name",
    ["a//b.jpg", "/b.jpg", "a/../b.jpg", "./b.jpg", "\uff0e/b.jpg", "a/\uff0e\uff0e/b.jpg", "a\0.jpg", "a\ud800.jpg"],
)
def test_a_name_that_nothing_can_be_done_with_is_told_of_once_and_blocks_nothing(source_of, said, name):
    source = source_of(MemoryRclone(ATOMIC, Entry(name, 5, 7), Entry("a.jpg", 5, 7)))
    for _ in range(3):
        listing = source.list()
        assert listing.objects.keys() == {"a.jpg"}
        assert not listing.unread
    assert [record.levelname for record in said.records] == ["WARNING"]


def test_a_name_with_the_sign_for_no_character_is_asked_for_whether_it_is_one(source_of):
    """rclone lists names that are not valid UTF-8 with this sign, and cannot find them; others really have it."""
    rclone = MemoryRclone(ATOMIC, Entry("\ufffd.jpg", 5, 7))
    source = source_of(rclone)
    listed = rclone.files
    rclone.stat = lambda _fs, path: None if path == "\ufffd.jpg" else listed[0]
    assert source.list().objects == {}
    rclone.files = [Entry("r\ufffd.jpg", 5, 7)]
    assert source.list().objects.keys() == {"r\ufffd.jpg"}


def test_what_is_done_with_is_not_listed(source_of):
    rclone = MemoryRclone(ATOMIC, Entry("done/a.jpg", 5, 7), Entry("done.jpg", 5, 7), Entry("sub/done/a.jpg", 5, 7))
    assert source_of(rclone, after=MoveTo("done")).list().objects.keys() == {"done.jpg", "sub/done/a.jpg"}
    assert len(source_of(rclone, after=Delete()).list().objects) == 3


def test_what_is_no_image_is_counted_and_bins_are_not_looked_at(source_of, tmp_path):
    names = ("a.eps", "b/c.EPS", "name", "bin/#recycle/a.jpg", "@eaDir/d.eps", "~$e.jpg", "done/f.eps", "g.jpg")
    rclone = MemoryRclone(ATOMIC, *(Entry(name, 5, 7) for name in names))
    listing = source_of(rclone, after=MoveTo("done")).list()
    assert listing.objects.keys() == {"g.jpg"}
    assert listing.left_alone == {".eps": 2, "": 1}
    selection = Selection(never=())
    everything = CloudSource(rclone, Remote("cloud", "photos"), tmp_path / "other", selection, MoveTo("done")).list()
    assert everything.objects.keys() == {"bin/#recycle/a.jpg", "~$e.jpg", "g.jpg"}


# --- the ignore file ----


def ignore(rclone, text, mtime_ns=1):
    return rclone.put(IGNORE_FILE, text, mtime_ns=mtime_ns)


def test_the_ignore_file_counts_and_is_loaded_when_it_changes(source_of):
    rclone = MemoryRclone(ATOMIC, Entry("a.jpg", 5, 7), Entry("b.png", 5, 7))
    ignore(rclone, b"*.png\n", 1)
    source = source_of(rclone)
    for _ in range(3):
        assert source.list().objects.keys() == {"a.jpg"}
    ignore(rclone, b"*.jpg\n", 2)
    assert source.list().objects.keys() == {"b.png"}
    assert rclone.calls.count(f"download {IGNORE_FILE}") == 2
    rclone.remove(IGNORE_FILE)
    assert source.list().objects.keys() == {"a.jpg", "b.png"}


def test_a_huge_ignore_file_leaves_the_last_good_one_and_is_told_of_once(source_of, said):
    rclone = MemoryRclone(ATOMIC, Entry("a.jpg", 5, 7), Entry("b.png", 5, 7))
    ignore(rclone, b"*.png\n", 1)
    source = source_of(rclone)
    source.list()
    ignore(rclone, b"\n" * (IGNORE_LIMIT + 1), 2)
    said.clear()
    for _ in range(3):
        assert source.list().objects.keys() == {"a.jpg"}
    assert [record.levelname for record in said.records] == ["WARNING"]
    assert rclone.calls.count(f"download {IGNORE_FILE}") == 1


def test_an_ignore_file_that_cannot_be_read_leaves_the_last_good_one(source_of):
    rclone = MemoryRclone(ATOMIC, Entry("a.jpg", 5, 7), Entry("b.png", 5, 7))
    ignore(rclone, b"*.png\n", 1)
    source = source_of(rclone)
    source.list()
    ignore(rclone, b"*.jpg\n", 2)
    rclone.before = fail("download")
    listing = source.list()
    assert listing.objects.keys() == {"a.jpg"}
    assert listing.unread == {".": "The server cannot be reached."}
    rclone.before = lambda _: None
    assert source.list().objects.keys() == {"b.png"}


def test_nothing_is_listed_before_it_is_known_what_is_wanted(source_of):
    rclone = MemoryRclone(ATOMIC, Entry("b.png", 5, 7))
    ignore(rclone, b"*.png\n")
    rclone.before = fail("download")
    source = source_of(rclone)
    assert source.list().objects == {}
    rclone.files.pop()  # the listing breaks off before the ignore file
    rclone.listing_fails = "cut"
    rclone.before = fail("stat")
    assert source.list().objects == {}
    rclone.before = lambda _: None
    assert source.list().objects.keys() == {"b.png"}, "the store has told that there is none"


def test_a_listing_that_ends_early_does_not_mean_that_there_is_no_ignore_file(source_of):
    rclone = MemoryRclone(ATOMIC, Entry("b.png", 5, 7))
    entry = ignore(rclone, b"*.png\n")
    rclone.stat = lambda *_: entry
    rclone.files.pop()
    rclone.listing_fails = "cut"
    assert source_of(rclone).list().objects == {}


# --- loading ----


@pytest.mark.parametrize("size", [0, 1, LIMIT, LIMIT + 1, 3 << 20])
def test_an_image_is_loaded_and_hashed_and_leaves_no_file(source_of, tmp_path, size):
    data = os.urandom(size)
    rclone = MemoryRclone(ATOMIC)
    rclone.put("trip/a.jpg", data)
    source = source_of(rclone)
    loaded = source.load("trip/a.jpg", source.list().objects["trip/a.jpg"], LIMIT)
    assert loaded.digest == hashlib.sha256(data).digest()
    assert isinstance(loaded.blob, FileBlob) is (size > LIMIT)
    assert whole(loaded.blob) == data
    assert list((tmp_path / "spool").iterdir()) == []


def test_what_a_killed_predecessor_left_in_the_spool_is_swept(source_of, tmp_path):
    (tmp_path / "spool").mkdir()
    (tmp_path / "spool/0123").write_bytes(b"half")
    source_of(MemoryRclone(ATOMIC))
    assert list((tmp_path / "spool").iterdir()) == []


def test_an_object_that_is_not_the_version_that_was_listed_is_not_taken_for_it(source_of):
    rclone = MemoryRclone(ATOMIC)
    rclone.put("a.jpg", b"12345")
    source = source_of(rclone)
    for path, version in (("a.jpg", Version(4, 0)), ("b.jpg", Version(5, 0))):
        with pytest.raises(ChangedError):
            source.load(path, version, LIMIT)


@pytest.mark.parametrize("later", [None, Entry("a.jpg", 6, 0), Entry("a.jpg", 5, 1)])
def test_an_object_that_changes_while_it_is_loaded_is_not_taken_when_half_of_one_can_be_seen(source_of, later):
    rclone = MemoryRclone(PLAIN)
    rclone.put("a.jpg", b"12345")
    source = source_of(rclone)
    (version,) = source.list().objects.values()

    def change(call):
        if call.startswith("stat"):
            rclone.files = [later] if later else []

    rclone.before = change
    with pytest.raises(ChangedError):
        source.load("a.jpg", version, LIMIT)


def test_an_atomic_store_is_not_asked_again(source_of):
    rclone = MemoryRclone(ATOMIC)
    rclone.put("a.jpg", b"12345")
    source_of(rclone).load("a.jpg", Version(5, 0), LIMIT)
    assert rclone.calls == ["download a.jpg"]


def test_an_image_too_large_to_be_moved_is_one_sentence(source_of):
    with pytest.raises(ImageError, match=r"^The file has more than 4\.0 GiB, "):
        source_of(MemoryRclone(ATOMIC)).load("a.tif", Version(BLOB_LIMIT + 1, 0), LIMIT)


def test_a_full_spool_is_named_even_if_the_download_gives_another_reason(source_of, tmp_path, monkeypatch):
    rclone = MemoryRclone(ATOMIC)
    rclone.before = fail("download")
    source = source_of(rclone)
    monkeypatch.setattr("filterfleet.listener.cloud.spool.shutil.disk_usage", lambda _: SimpleNamespace(free=99))
    with pytest.raises(TransferError, match=rf"^The spool {tmp_path}/spool is full: ") as raised:
        source.load("a.jpg", Version(100, 0), LIMIT)
    assert raised.value.transient
    with pytest.raises(TransferError, match=r"^The server cannot be reached\.$"):
        source.load("a.jpg", Version(99, 0), LIMIT)


def test_a_spool_that_cannot_be_read_is_one_sentence(source_of, tmp_path, monkeypatch):
    rclone = MemoryRclone(ATOMIC)
    rclone.put("a.jpg", b"12345")
    source = source_of(rclone)

    trouble = OSError(errno.EIO, os.strerror(errno.EIO))
    monkeypatch.setattr("filterfleet.listener.cloud.spool.os.open", Mock(side_effect=trouble))
    with pytest.raises(TransferError, match=rf"^The spool {tmp_path}/spool cannot be used: Input/output error\.$"):
        source.load("a.jpg", Version(5, 0), LIMIT)


# --- several objects of one name ----


def test_each_object_of_one_name_is_an_image_of_its_own(source_of):
    rclone = MemoryRclone(DRIVE)
    for identity, data in (("2", b"two"), ("1", b"one"), ("3", b"three")):
        rclone.put("a.jpg", data, id=identity, hash=f"md5:{identity}")
    source = source_of(rclone)
    listed = source.list().objects
    assert {path: version.tag for path, version in listed.items()} == {
        "a.jpg": "1 md5:1",
        "a (2).jpg": "2 md5:2",
        "a (3).jpg": "3 md5:3",
    }
    loaded = {path: bytes(source.load(path, version, LIMIT).blob) for path, version in listed.items()}
    assert loaded == {"a.jpg": b"one", "a (2).jpg": b"two", "a (3).jpg": b"three"}


def test_what_shares_its_name_stays_where_it_is(source_of):
    rclone = MemoryRclone(DRIVE)
    for identity in ("1", "2"):
        rclone.put("a.jpg", b"one", id=identity)
    rclone.put("b.jpg", b"one", id="3")
    source = source_of(rclone, after=Delete())
    with pytest.raises(TransferError, match="listed") as raised:  # a version from an earlier run
        source.take_away("b.jpg", Version(3, 0, "3 "))
    assert raised.value.transient
    listed = source.list().objects
    for path in ("a.jpg", "a (2).jpg"):
        with pytest.raises(TransferError, match="only you can tell") as raised:
            source.take_away(path, listed[path])
        assert not raised.value.transient
    rclone.listing_fails = "cut"
    rclone.files, everything = rclone.files[1:], rclone.files
    source.list()
    rclone.files = everything
    with pytest.raises(TransferError, match="only you can tell"):
        source.take_away("a.jpg", listed["a.jpg"])
    source.take_away("b.jpg", listed["b.jpg"])
    assert [entry.path for entry in rclone.files] == ["a.jpg", "a.jpg"]
