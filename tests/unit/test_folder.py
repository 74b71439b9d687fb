"""A folder of this machine as a source."""

import hashlib
import os
import queue

import pytest

from filterfleet.common.blob import FileBlob, whole
from filterfleet.common.errors import ImageError
from filterfleet.common.wire.messages import BLOB_LIMIT
from filterfleet.listener.core.scan import ROOT, Version
from filterfleet.listener.interfaces import ChangedError
from filterfleet.listener.local.inside import Inside, version_of
from filterfleet.listener.local.sniffing import Sniffer
from filterfleet.listener.local.source import Folder
from filterfleet.listener.settings.aftermath import MoveTo
from filterfleet.listener.settings.selection import Selection
from filterfleet.listener.transfers import payload_of

LIMIT = 1000


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "photos"
    root.mkdir()
    return Folder(root)


def put(folder, path, data=b"picture"):
    file = folder.root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    found = file.stat()
    return version_of(found)


def test_every_image_in_every_folder_is_listed_with_its_version(folder):
    versions = {path: put(folder, path) for path in ("a.jpg", "trip/b.PNG", "trip/deep/er/c.tiff", "x y.webp")}
    listing = folder.list()
    assert listing.objects == versions
    assert listing.unread == {}


def test_hidden_files_and_folders_and_files_that_are_not_images_are_left_out(folder):
    for path in (".a.jpg", ".hidden/b.jpg", "notes.txt", "noextension", "a.jpg.part"):
        put(folder, path)
    (folder.root / "folder.jpg").mkdir()
    os.mkfifo(folder.root / "pipe.jpg")
    assert folder.list().objects == {}


def test_links_to_files_are_followed_and_links_to_folders_are_not(folder, tmp_path):
    version = put(folder, "a.jpg")
    (folder.root / "link.jpg").symlink_to("a.jpg")
    (folder.root / "loop").symlink_to(folder.root)
    assert folder.list().objects == {"a.jpg": version, "link.jpg": version}


def test_a_link_that_leads_nowhere_leaves_the_rest_of_its_folder_alone(folder):
    version = put(folder, "a.jpg")
    (folder.root / "dangling.jpg").symlink_to("missing.jpg")
    (folder.root / "itself.jpg").symlink_to("itself.jpg")
    (folder.root / "through.jpg").symlink_to("a.jpg/b.jpg")
    listing = folder.list()
    assert listing.objects == {"a.jpg": version}
    assert listing.unread == {}


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_folder_that_cannot_be_read_is_named_with_the_reason(folder):
    version = put(folder, "a.jpg")
    put(folder, "locked/b.jpg")
    (folder.root / "locked").chmod(0)
    try:
        listing = folder.list()
    finally:
        (folder.root / "locked").chmod(0o700)
    assert listing.objects == {"a.jpg": version}
    assert listing.unread == {"locked/": "The folder cannot be read: Permission denied."}


def test_a_root_that_vanished_is_unread_and_not_empty(folder):
    folder.root.rmdir()
    listing = folder.list()
    assert listing.objects == {}
    assert listing.unread == {".": "The folder cannot be read: No such file or directory."}


def test_names_that_are_not_utf8_are_listed_and_read(folder):
    name = os.fsdecode(b"\xff\xfe'\n\".jpg")
    version = put(folder, name)
    assert folder.list().objects == {name: version}
    assert folder.load(name, version, LIMIT).blob == b"picture"


@pytest.mark.parametrize("size", [0, 1, LIMIT, LIMIT + 1, 3 << 20])
def test_a_file_is_hashed_and_kept_up_to_the_limit(folder, size):
    data = (b"0123456789abcdef" * (size // 16 + 1))[:size]
    loaded = folder.load("a.jpg", put(folder, "a.jpg", data), LIMIT)
    assert loaded.digest == hashlib.sha256(data).digest()
    assert isinstance(loaded.blob, FileBlob) is (size > LIMIT)
    assert whole(loaded.blob) == data


def test_a_file_that_is_not_the_version_that_was_listed_is_not_taken_for_it(folder):
    version = put(folder, "a.jpg")
    os.utime(folder.root / "a.jpg", ns=(0, version.mtime_ns + 1))
    for other in (version, Version(version.size + 1, version.mtime_ns + 1)):
        with pytest.raises(ChangedError):
            folder.load("a.jpg", other, LIMIT)
        with pytest.raises(ChangedError):
            folder.load("a.jpg", other, 0)
    with pytest.raises(ChangedError):
        folder.load("b.jpg", version, LIMIT)


def test_a_file_too_large_to_be_moved_is_one_sentence(folder):
    put(folder, "a.tif", b"")
    os.truncate(folder.root / "a.tif", BLOB_LIMIT + 1)  # a hole, which takes no space
    (version,) = folder.list().objects.values()
    with pytest.raises(ImageError, match=r"^The file has more than 4\.0 GiB, "):
        folder.load("a.tif", version, LIMIT)


def test_a_listener_that_ends_does_not_wait_for_a_listing(folder):
    """It may be told in the middle of one. What had been found until then must not count as all there is."""
    for number in range(20):
        put(folder, f"{number}/a.jpg")
    sort, sorted_out = folder._sort, []

    def counting(path, *rest):
        sorted_out.append(path)
        folder.interrupt()
        sort(path, *rest)

    folder._sort = counting
    listing = folder.list()
    assert (listing.objects, listing.unread.keys()) == ({}, {ROOT})
    assert len(sorted_out) == 1


def test_parts_of_a_file_are_read_while_it_is_the_same(folder):
    version = put(folder, "a.jpg", b"0123456789")
    payload, read = payload_of(folder.load("a.jpg", version, 0).blob)
    assert payload == ()
    assert (read(0, 4), read(8, 2), read(8, 5)) == (b"0123", b"89", b"89")
    put(folder, "a.jpg", b"something longer")
    with pytest.raises(OSError, match="changed while it was being sent"):
        read(0, 4)


def test_a_look_finds_what_a_listing_would_have(folder, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "z.jpg").write_bytes(b"picture")
    (folder.root / "link").symlink_to(elsewhere)
    for path in ("a.jpg", "trip/deep/b.PNG", ".c.jpg", ".hidden/d.jpg", "notes.txt", "raw/e.jpg", "f.jpg/g.jpg"):
        put(folder, path)
    (folder.root / ".filterfleetignore").write_text("raw/\n")
    listed = folder.list().objects
    assert set(listed) == {"a.jpg", "trip/deep/b.PNG", "f.jpg/g.jpg"}
    found = [path.relative_to(folder.root).as_posix() for path in folder.root.rglob("*")]
    impossible = "x" * 300 + "/b.jpg"  # longer than any system allows
    assert folder.look([*found, "link/z.jpg", "missing.jpg", "a.jpg/x.jpg", impossible]) == listed


class Heard:
    """The changes that a folder reports."""

    def __init__(self):
        self.paths = queue.SimpleQueue()

    def until(self, *wanted):
        """Every path that is reported until all of these have been."""
        missing, heard = set(wanted), set()
        while missing:
            heard.add(path := self.paths.get(timeout=10))
            missing.discard(path)
        return heard


@pytest.fixture
def heard(folder):
    (folder.root / "trip").mkdir()
    version = put(folder, "a.jpg")
    heard = Heard()
    watch = folder.watch(heard.paths.put)
    heard.version = version
    yield heard
    watch.stop()


def test_a_file_that_is_written_is_reported_and_nothing_else(folder, heard):
    put(folder, "trip/b.jpg")
    put(folder, "end.jpg")
    assert heard.until("end.jpg") == {"trip/b.jpg", "end.jpg"}


def test_a_file_that_is_moved_is_reported_and_so_is_that_something_is_missing(folder, heard):
    (folder.root / "a.jpg").rename(folder.root / "trip" / "a.jpg")
    heard.until("trip/a.jpg", ROOT)


@pytest.mark.parametrize(
    "change",
    [
        lambda root: (root / "a.jpg").unlink(),
        lambda root: (root / "new").mkdir(),
        lambda root: (root / "trip").rename(root / "other"),
        lambda root: (root / "trip").rmdir(),
        lambda root: (root / ".filterfleetignore").write_text("raw/"),
    ],
)
def test_what_may_concern_many_files_asks_for_a_scan(folder, heard, change):
    change(folder.root)
    heard.until(ROOT)


def test_our_own_reading_is_not_reported(folder, heard):
    for _ in range(3):
        folder.load("a.jpg", heard.version, LIMIT)
        folder.look(["a.jpg"])
        folder.list()
    put(folder, "end.jpg")
    assert heard.until("end.jpg") == {"end.jpg"}


# --- what is left alone ----

BINS = ("@eaDir/a.jpg", "trip/@eaDir/b.jpg/SYNOPHOTO_THUMB_XL.jpg", "#recycle/x/a.jpg", "$RECYCLE.BIN/a.jpg", "~$a.jpg")


def test_thumbnails_and_bins_are_no_photographs_unless_the_user_says_so(folder):
    for path in (*BINS, "a.jpg", "Thumbs.db", "trip/Thumbs.db", "recycle/a.jpg"):
        put(folder, path)
    listing = folder.list()
    assert listing.objects.keys() == {"a.jpg", "recycle/a.jpg"}
    assert listing.left_alone == {}
    assert folder.look(BINS) == {}
    everything = Folder(folder.root, Selection(never=()))
    listing = everything.list()
    assert listing.objects.keys() == {*BINS, "a.jpg", "recycle/a.jpg"}
    assert listing.left_alone == {".db": 2}
    assert everything.look(BINS).keys() == set(BINS)


def test_include_does_not_bring_bins_back(folder):
    put(folder, "@eaDir/a.jpg")
    put(folder, ".filterfleetignore", b"!@eaDir/\n")
    assert Folder(folder.root, Selection(include=("@eaDir/",))).list().objects == {}


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_nobody_looks_into_a_bin(folder):
    put(folder, "#recycle/a.jpg")
    (folder.root / "#recycle").chmod(0)
    try:
        assert folder.list().unread == {}
    finally:
        (folder.root / "#recycle").chmod(0o700)


def test_files_that_are_no_images_to_us_are_counted_by_kind(folder):
    for path in ("a.eps", "trip/b.EPS", "c.svg", "name", "a.jpg", ".hidden.eps", ".git/config", "~$d.docx"):
        put(folder, path)
    os.mkfifo(folder.root / "pipe.eps")
    assert folder.list().left_alone == {".eps": 2, ".svg": 1, "": 1}
    unwanted = Folder(folder.root, Selection(exclude=("*.eps", "*.jpg")), MoveTo("trip")).list()
    assert unwanted.left_alone == {".svg": 1, "": 1}


def test_files_without_an_extension_are_sniffed_when_the_user_wants_it(folder, monkeypatch):
    png, text = b"\x89PNG\r\n\x1a\n...", b"#!/bin/sh"
    versions = {"scan": put(folder, "scan", png), "trip/IMG_1": put(folder, "trip/IMG_1", png)}
    put(folder, "Makefile", text)
    put(folder, "scan.dat", png)
    assert folder.list().objects == {}
    sniffing = Folder(folder.root, Selection(sniff=True))
    listing = sniffing.list()
    assert listing.objects == versions
    assert listing.left_alone == {".dat": 1}
    assert sniffing.look(["scan", "Makefile", "scan.dat"]) == {"scan": versions["scan"]}
    with monkeypatch.context() as patch:
        patch.setattr(Inside, "open", lambda *_: pytest.fail("a file that has not changed was opened again"))
        sniffing._read_ignore_file = lambda: None
        assert sniffing.list().objects == versions
    version = put(folder, "Makefile", png)
    assert sniffing.look(["Makefile"]) == {"Makefile": version}


def test_a_file_that_cannot_be_opened_is_sniffed_as_no_image(folder):
    version = put(folder, "scan")
    assert Sniffer(Inside(folder.root, links=False)).format_of("missing", version) is None
