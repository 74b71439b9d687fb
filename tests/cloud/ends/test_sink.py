"""Sinks in real stores: where outputs end up, and what happens to them on the way."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from filterfleet.common.jobs.names import place_of
from filterfleet.common.wire import OutputFile
from filterfleet.listener.cloud.staging import STAGING
from filterfleet.listener.interfaces import TransferError
from tests.cloud.ends.rig import LIMIT, NAMES, Rig, listed

pytestmark = pytest.mark.slow

OUTPUTS = (OutputFile("grayscale", "jpeg", 4), OutputFile("edges", "png", 5))
BLOBS = (b"gray", b"edges")


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
        place_of(output, name): image for name, image in images.items() for output in OUTPUTS
    }
    assert not list(rig.state.parent.rglob("canary"))


def test_a_name_that_a_store_does_not_allow_is_not_waited_for(rig: Rig) -> None:
    if rig.server.kind != "sftp":
        pytest.skip("rclone as a server answers with other errors: 500 for S3, 403 for WebDAV")
    sink = rig.sink()
    with pytest.raises(TransferError) as raised:
        sink.write("n" * 251 + ".jpg", OUTPUTS, BLOBS)
    assert not raised.value.transient
    assert rig.results.names() == []


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
