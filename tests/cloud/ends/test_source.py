"""Sources in real stores: what they tell the listener about images, and what happens to images that are done."""

from __future__ import annotations

import hashlib
import os
import subprocess

import pytest

from filterfleet.common.blob import FileBlob, whole
from filterfleet.common.wire import OutputFile
from filterfleet.listener.core.scan import ROOT
from filterfleet.listener.interfaces import ChangedError, TransferError
from filterfleet.listener.settings.aftermath import Delete, MoveTo
from filterfleet.listener.settings.selection import IGNORE_FILE, Selection
from tests.cloud.ends.rig import LIMIT, NAMES, Rig, listed
from tests.integration.harness import wait_until

pytestmark = pytest.mark.slow


def test_images_are_listed_and_nothing_else_and_each_is_loaded_as_it_is(rig: Rig) -> None:
    files = {name: os.urandom(number * 100) for number, name in enumerate(NAMES)}
    rig.photos.put_all(files)
    rig.photos.put_all(dict.fromkeys((".a.jpg", ".hidden/b.jpg", "trip/.hidden/c/d.jpg", "a.txt", "a.jpg.txt"), b"x"))
    rig.photos.put_all(dict.fromkeys(("a.jpg.8c3d.partial", "jpg", "b.jpgx"), b"x"))
    source = rig.source()
    objects = listed(source, len(files))
    loaded = {path: source.load(path, version, LIMIT) for path, version in objects.items()}
    assert {image.digest for image in loaded.values()} == {hashlib.sha256(data).digest() for data in files.values()}
    for image in loaded.values():
        data = bytes(whole(image.blob))
        assert hashlib.sha256(data).digest() == image.digest
        assert isinstance(image.blob, FileBlob) is (len(data) > LIMIT)
    for name in ("a.jpg", "trip/day 1/b.png", "n" * 251 + ".jpg", "[a-z].jpg", "r\ufffd.jpg"):
        assert whole(loaded[name].blob) == files[name]
    assert not list(rig.state.parent.rglob("canary"))


def test_a_name_that_is_not_utf8_blocks_nothing(rig: Rig) -> None:
    rig.photos.put_all({os.fsdecode(b"\xff\xfe.jpg"): b"x", "a.jpg": b"a"})
    source = rig.source()
    assert listed(source, 1).keys() == {"a.jpg"}
    assert source.list().unread == {}


def test_a_version_stays_the_same_until_the_image_is_another(rig: Rig) -> None:
    rig.photos.put_all({"a.jpg": b"one", "b.jpg": b"other"})
    source = rig.source()
    first = listed(source, 2)
    assert source.list().objects == first
    for path, version in first.items():
        source.load(path, version, LIMIT)
    assert source.list().objects == first, "our reading changes nothing"
    rig.photos.put("a.jpg", b"longer")
    wait_until(lambda: source.list().objects["a.jpg"] != first["a.jpg"], what="another version")
    with pytest.raises(ChangedError):
        source.load("a.jpg", first["a.jpg"], LIMIT)
    rig.photos.delete("b.jpg")
    listed(source, 1)
    with pytest.raises(ChangedError):
        source.load("b.jpg", first["b.jpg"], LIMIT)


def test_selection_and_ignore_file_count(rig: Rig) -> None:
    rig.photos.put_all({"a.jpg": b"a", "b.png": b"b", "drafts/c.jpg": b"c", "large.jpg": bytes(2000)})
    source = rig.source(selection=Selection(exclude=("*.png",), max_size=1000))
    assert listed(source, 2).keys() == {"a.jpg", "drafts/c.jpg"}
    rig.photos.put(IGNORE_FILE, b"drafts/\n")
    assert listed(source, 1).keys() == {"a.jpg"}
    rig.photos.put(IGNORE_FILE, b"a.jpg\n# and nothing more\n")
    wait_until(lambda: source.list().objects.keys() == {"drafts/c.jpg"}, what="the other")
    rig.photos.delete(IGNORE_FILE)
    listed(source, 2)


def test_bins_are_left_out_and_other_files_are_counted(rig: Rig) -> None:
    names = (
        "a.jpg",
        "#recycle/b.jpg",
        "x/@eaDir/c.jpg",
        "$RECYCLE.BIN/d.jpg",
        "x/~$e.jpg",
        "f.eps",
        ".g/h.eps",
        "name",
    )
    rig.photos.put_all(dict.fromkeys(names, b"a"))
    source = rig.source()
    assert listed(source, 1).keys() == {"a.jpg"}
    assert source.list().left_alone == {".eps": 1, "": 1}
    assert listed(rig.source(selection=Selection(never=())), 5).keys() == {*names[:5]}


def test_a_server_that_is_away_is_a_sentence_and_no_empty_folder(rig: Rig) -> None:
    rig.photos.put("a.jpg", b"a")
    source = rig.source()
    objects = listed(source, 1)
    rig.server.stop()
    listing = source.list()
    assert listing.objects == {}
    assert listing.unread.keys() == {ROOT}
    with pytest.raises(TransferError, match=r"^[^\n]+\.$") as raised:
        source.load("a.jpg", objects["a.jpg"], LIMIT)
    assert raised.value.transient
    rig.server.start()
    wait_until(lambda: source.list().objects == objects, what="the same as before")
    assert source.load("a.jpg", objects["a.jpg"], LIMIT).blob == b"a"
    assert rig.spooled == []


@pytest.mark.skipif(os.geteuid() != 0, reason="a small disk has to be mounted")
def test_a_full_spool_disk_is_named(rig: Rig) -> None:
    rig.photos.put("a.jpg", bytes(1 << 20))
    rig.state.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k,mode=755", "tmpfs", rig.state], capture_output=True
    ).returncode:
        pytest.skip("nothing can be mounted here")
    try:
        source = rig.source()
        objects = listed(source, 1)
        with pytest.raises(TransferError, match=r"^The spool /.*/in is full: ") as raised:
            source.load("a.jpg", objects["a.jpg"], LIMIT)
        assert raised.value.transient
        with pytest.raises(TransferError, match=r"^The spool /.*/out cannot be used: No space left") as raised:
            rig.sink().write("a.jpg", (OutputFile("gray", "jpeg", 1 << 20),), (bytes(1 << 20),))
        assert raised.value.transient
    finally:
        for sink in rig.sinks:
            sink.close()
        subprocess.run(["umount", rig.state], check=True)


# --- after success ----


@pytest.mark.parametrize("folder", ["done", "done/[2026] {a,b}*", "done/$(touch canary)"])
def test_what_is_done_moves_and_is_not_listed_again(rig: Rig, folder: str) -> None:
    paths = ["a.jpg", "trip/b.jpg", "trip/'c'.jpg"]
    source = rig.source(after=MoveTo(folder))
    for data in (b"one", b"two!"):
        rig.photos.put_all(dict.fromkeys(paths, data))
        objects = listed(source, 3)
        for _ in range(2):  # the second time there is nothing left to do
            for path in paths:
                source.take_away(path, objects[path])
        assert listed(source, 0) == {}
    found = rig.photos.files()
    contents = {found[path] for path in found if path.endswith("(2).jpg")}
    assert contents == {b"two!"}
    assert len(found) == 7  # with .keep
    assert len([path for path in rig.source().list().objects if path.endswith(".jpg")]) == 6


def test_only_the_same_version_is_deleted(rig: Rig) -> None:
    rig.photos.put_all({"a.jpg": b"a", "b.jpg": b"b"})
    source = rig.source(after=Delete())
    objects = listed(source, 2)
    rig.photos.put("a.jpg", b"another")
    wait_until(lambda: source.list().objects["a.jpg"] != objects["a.jpg"], what="another version")
    with pytest.raises(ChangedError):
        source.take_away("a.jpg", objects["a.jpg"])
    source.take_away("b.jpg", objects["b.jpg"])
    assert rig.photos.files() == {"a.jpg": b"another", ".keep": b""}
