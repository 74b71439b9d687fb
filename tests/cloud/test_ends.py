"""Sources and sinks in real stores: what they tell the listener about images, and where outputs end up."""

from __future__ import annotations

import hashlib
import os
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from filterfleet.common.blob import FileBlob, whole
from filterfleet.common.jobs.jobs import output_path
from filterfleet.common.wire import OutputFile
from filterfleet.listener.cloud.rclone.remote_files import Rclone
from filterfleet.listener.cloud.sink import CloudSink
from filterfleet.listener.cloud.source import CloudSource
from filterfleet.listener.cloud.staging import STAGING
from filterfleet.listener.core.scan import ROOT, Version
from filterfleet.listener.interfaces import ChangedError, TransferError
from filterfleet.listener.settings.aftermath import After, Delete, Keep, MoveTo
from filterfleet.listener.settings.location import Remote
from filterfleet.listener.settings.selection import IGNORE_FILE, Selection
from tests.cloud.conftest import StartServer
from tests.cloud.servers import KINDS, Place, Server, write_config
from tests.integration.harness import wait_until

pytestmark = pytest.mark.slow

LIMIT = 1000
OUTPUTS = (OutputFile("grayscale", "jpeg", 4), OutputFile("edges", "png", 5))
BLOBS = (b"gray", b"edges")
# Names that users and cameras give, and names that nobody should give; all of them can be names of local files.
NAMES = (
    *("a.jpg", "IMG 0001.JPG", "trip/day 1/b.png", "é.jpg", "e\u0301.jpg", "漢字/🎈.webp", "r\ufffd.jpg"),
    *(
        "$(touch canary).jpg",
        "`touch canary`.jpg",
        "; touch canary;.jpg",
        "'\".jpg",
        "a\nb.jpg",
        "a\tb.jpg",
        "\x7f.jpg",
    ),
    *(
        "-rf.jpg",
        "--config=x.jpg",
        "~.jpg",
        "~/a.jpg",
        "a..jpg",
        "a...b/c../d.jpg",
        "%2e%2e%2fa.jpg",
        "a?b=c#d&e.jpg",
    ),
    *("*.jpg", "[a-z].jpg", "{a,b}.jpg", "a\\b.jpg", "a:b.jpg", " a .jpg", " / /a.jpg", "\N{FULLWIDTH SOLIDUS}.jpg"),
    *("n" * 251 + ".jpg", "é" * 125 + "n.jpg"),
)


@dataclass
class Rig:
    """A store with a source, kind:bucket/in, and an output, kind:bucket/out."""

    server: Server
    rclone: Rclone
    state: Path
    sinks: list[CloudSink] = field(default_factory=list)

    @property
    def photos(self) -> Place:
        return self.server.root / "in"

    @property
    def results(self) -> Place:
        return self.server.root / "out"

    def source(self, *, selection: Selection | None = None, after: After | None = None) -> CloudSource:
        root = Remote(self.server.kind, "bucket/in")
        return CloudSource(self.rclone, root, self.state / "in", selection or Selection(), after or Keep())

    def sink(self) -> CloudSink:
        self.sinks.append(
            CloudSink(
                self.rclone, Remote(self.server.kind, "bucket/out"), self.state / "spool/out", self.state / "lock"
            )
        )
        return self.sinks[-1]

    @property
    def spooled(self) -> list[Path]:
        return [file for file in self.state.rglob("*") if file.is_file() and file.parent.name in ("in", "out")]


@pytest.fixture(params=KINDS)
def rig(request: pytest.FixtureRequest, start_server: StartServer, tmp_path: Path) -> Iterator[Rig]:
    server = start_server(request.param)
    server.root.put("in/.keep", b"")  # so that the bucket exists
    config = write_config(tmp_path / "rclone.conf", {server.kind: server.section()})
    rclone = Rclone(tmp_path / "rclone", config=config)
    rig = Rig(server, rclone, tmp_path / "state")
    try:
        yield rig
        assert rig.spooled == []
    finally:
        for sink in rig.sinks:
            sink.close()
        rclone.close()


def listed(source: CloudSource, count: int) -> dict[str, Version]:
    """The listing as soon as it has this many images: servers remember folders for a moment."""
    found: dict[str, Version] = {}

    def look() -> bool:
        listing = source.list()
        assert not listing.unread
        found.clear()
        found.update(listing.objects)
        return len(found) == count

    wait_until(look, what=f"a listing of {count}")
    return found


# --- the source ----


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
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", rig.state], capture_output=True).returncode:
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


# --- what happens after success ----


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


# --- the sink ----


def test_outputs_have_the_names_of_the_images_that_were_listed(rig: Rig) -> None:
    """rclone lists control characters as symbols for them, and turns these back when it writes."""
    names = [name for name in NAMES if len(os.fsencode(name)) < 250]  # edges appends .png
    if rig.server.kind == "webdav":
        names.remove("e\u0301.jpg")  # rclone as a server confuses it with the name that has one character
    images = {name: str(number).encode() for number, name in enumerate(names)}
    rig.photos.put_all(images)
    source, sink = rig.source(), rig.sink()
    for path, version in listed(source, len(images)).items():
        sink.write(path, OUTPUTS, (source.load(path, version, LIMIT).blob,) * 2)
    assert rig.results.files() == {
        output_path(output.name, name, output.format): image for name, image in images.items() for output in OUTPUTS
    }
    assert not list(rig.state.parent.rglob("canary"))


def test_a_name_that_a_store_does_not_allow_is_not_waited_for(rig: Rig) -> None:
    if rig.server.kind != "sftp":
        pytest.skip("rclone as a server answers with other errors: 500 for S3, 403 for WebDAV")
    sink = rig.sink()
    with pytest.raises(TransferError) as raised:
        sink.write("n" * 251 + ".jpg", OUTPUTS, BLOBS)
    assert not raised.value.transient
    assert len(rig.results.names()) == 1


def test_an_output_is_at_every_moment_the_old_one_or_the_new_one(rig: Rig) -> None:
    if rig.server.kind == "s3":
        pytest.skip("rclone serves S3 from files; a real server never shows half an object")
    versions = [os.urandom(1 << 20) * 16 for _ in range(3)]
    sink = rig.sink()
    sink.write("a.jpg", (OutputFile("gray", "jpeg", 16 << 20),), (versions[0],))
    done = threading.Event()
    seen: set[bytes] = set()

    def watch() -> None:
        while True:
            seen.update((rig.results / "gray").files().values())
            if done.is_set():
                return

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        for version in versions[1:]:
            sink.write("a.jpg", (OutputFile("gray", "jpeg", 16 << 20),), (version,))
    finally:
        done.set()
        watcher.join()
    assert seen
    assert seen <= set(versions)
    assert rig.results.files() == {"gray/a.jpg": versions[-1]}


def test_many_are_written_at_once(rig: Rig) -> None:
    sink = rig.sink()
    paths = [f"{number % 7}/{number % 3}/{number}.jpg" for number in range(30)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda path: sink.write(path, OUTPUTS, BLOBS), paths))
        copies = list(pool.map(lambda path: sink.copy(path, f"copy/{path}", OUTPUTS), paths))
    assert all(copies)
    found = rig.results.files()
    assert len(found) == 4 * len(paths)
    assert {path: found[path] for path in found if path.startswith("edges/copy")} == {
        f"edges/copy/{path}.png": b"edges" for path in paths
    }


def test_outputs_that_are_missing_are_not_copied(rig: Rig) -> None:
    sink = rig.sink()
    assert not sink.copy("a.jpg", "b.jpg", OUTPUTS)
    sink.write("a.jpg", OUTPUTS, BLOBS)
    sink.write("a.jpg", OUTPUTS[1:], (b"cut",))
    assert not sink.copy("a.jpg", "b.jpg", OUTPUTS)
    assert rig.results.names() == ["edges/a.jpg.png", "grayscale/a.jpg"]


def test_a_folder_that_was_removed_is_made_again(rig: Rig) -> None:
    sink = rig.sink()
    sink.write("trip/a.jpg", OUTPUTS, BLOBS)
    rig.rclone.purge(f"{rig.server.kind}:bucket", "out")
    sink.write("trip/a.jpg", OUTPUTS, BLOBS)
    assert rig.results.files() == {"grayscale/trip/a.jpg": b"gray", "edges/trip/a.jpg.png": b"edges"}


def test_a_file_where_a_folder_is_wanted_ends_the_tries(rig: Rig) -> None:
    """The edges of a.jpg are the file edges/a.jpg.png; those of a.jpg.png/b.jpg need a folder with that name."""
    if rig.server.kind == "s3":
        pytest.skip("rclone serves S3 from files; a real server has no folders, and keeps both")
    sink = rig.sink()
    sink.write("a.jpg", OUTPUTS, BLOBS)
    with pytest.raises(TransferError, match="is a file") as raised:
        sink.write("a.jpg.png/deep/b.jpg", OUTPUTS, BLOBS)
    assert not raised.value.transient


def test_failures_are_reported_and_taken_back_with_any_name(rig: Rig) -> None:
    sink = rig.sink()
    longest = "n" * 251 + ".jpg"
    for path in ("trip/a.jpg", longest):
        sink.write_failed(path, "It is\nno image.", b"text")
    texts = [data for path, data in rig.results.files().items() if path.endswith(".txt")]
    assert texts == [b"It is\\nno image.\n"] * 2
    assert rig.results.files()[f"failed/{longest}"] == b"text"
    for path in ("trip/a.jpg", longest, "never.jpg"):
        sink.clear_failed(path)
    assert rig.results.files() == {}


def test_what_a_killed_listener_left_is_swept(rig: Rig) -> None:
    rig.results.put(f"{STAGING}/0123", b"half")
    (rig.state / "spool/out").mkdir(parents=True)
    (rig.state / "spool/out/0123").write_bytes(b"half")
    sink = rig.sink()
    sink.write("a.jpg", OUTPUTS, BLOBS)
    assert rig.spooled == []
    swept = [name for name in rig.results.names() if name.startswith(STAGING)] == []
    assert swept is (rig.server.kind != "s3")  # where uploads are never staged


def test_a_server_that_is_away_does_not_stop_a_start_and_outputs_come_when_it_is_back(rig: Rig) -> None:
    rig.sink().close()  # a remote has always been reached once before a sink is made
    rig.results.put(f"{STAGING}/0123", b"half")
    rig.server.stop()
    sink = rig.sink()
    with pytest.raises(TransferError, match=r"^[^\n]+\.$") as raised:
        sink.write("a.jpg", OUTPUTS, BLOBS)
    assert raised.value.transient
    rig.server.start()
    sink.write("a.jpg", OUTPUTS, BLOBS)
    if rig.server.kind != "s3":
        assert rig.results.names() == ["edges/a.jpg.png", "grayscale/a.jpg"]
