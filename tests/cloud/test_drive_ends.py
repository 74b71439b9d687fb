"""Google Drive as source and output of a listener, with all its traps."""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from filterfleet import process
from filterfleet.common.blob import whole
from filterfleet.common.jobs.names import place_of
from filterfleet.common.jobs.recipe import DEFAULT
from filterfleet.common.process.wakeup import StopSignal
from filterfleet.common.wire import OutputFile
from filterfleet.listener.cloud.rclone.remote_files import Rclone
from filterfleet.listener.cloud.sink import CloudSink
from filterfleet.listener.cloud.source import CloudSource
from filterfleet.listener.ends import Cloud, Ends, open_ends
from filterfleet.listener.interfaces import ChangedError, TransferError
from filterfleet.listener.ledger.ledger import Ledger
from filterfleet.listener.settings.aftermath import Delete, Keep
from filterfleet.listener.settings.location import Remote
from filterfleet.listener.settings.options import Options
from filterfleet.listener.settings.selection import Selection
from filterfleet.listener.setup import serve
from filterfleet.worker.engines.local import SequentialEngine
from tests.cloud.drive import DriveEmulator
from tests.cloud.drive_api import DENIED, RATE_LIMITED
from tests.cloud.drive_files import DOCUMENT
from tests.unit.samples import cv2, picture

pytestmark = pytest.mark.slow

INLINE = 8 << 20
OUTPUTS = [OutputFile("gray", "jpeg", 6), OutputFile("edges", "png", 5)]
BLOBS = [b"gray a", b"edges"]


@pytest.fixture
def drive() -> Iterator[DriveEmulator]:
    with DriveEmulator() as emulator:
        emulator.folder("Photos")
        yield emulator


@pytest.fixture
def rclone(drive: DriveEmulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rclone]:
    for name, value in drive.environment.items():
        monkeypatch.setenv(name, value)
    with contextlib.closing(Rclone(tmp_path / "rclone", config=drive.config(tmp_path / "rclone.conf"))) as adapter:
        yield adapter


@pytest.fixture
def source(rclone: Rclone, tmp_path: Path) -> CloudSource:
    return CloudSource(rclone, Remote("gdrive", "Photos"), tmp_path / "in", Selection(), Keep())


@pytest.fixture
def sink(rclone: Rclone, tmp_path: Path) -> Iterator[CloudSink]:
    with contextlib.closing(
        CloudSink(rclone, Remote("gdrive", "Results"), tmp_path / "spool", tmp_path / "lock")
    ) as made:
        yield made


def contents(source: CloudSource) -> list[bytes]:
    listing = source.list()
    assert not listing.unread
    loaded = [source.load(path, version, INLINE) for path, version in listing.objects.items()]
    for each in loaded:
        assert each.digest == hashlib.sha256(whole(each.blob)).digest()
    return sorted(bytes(whole(each.blob)) for each in loaded)


def places(*paths: str) -> set[str]:
    return {f"Results/{place_of(output, path)}" for path in paths for output in OUTPUTS}


def insist(action: Callable[[], object]) -> None:
    """Repeat an action that fails and may succeed later, as the listener does."""
    deadline = time.monotonic() + 60
    while True:
        try:
            action()
        except TransferError as error:
            if not error.transient or time.monotonic() > deadline:
                raise
        else:
            return


def check_one_tree(drive: DriveEmulator) -> None:
    twice = [path for path, count in Counter(drive.folders()).items() if count > 1]
    assert not twice
    assert {len(contents) for contents in drive.files().values()} <= {1}


def test_files_with_one_name_are_several_images(drive: DriveEmulator, source: CloudSource) -> None:
    for content in (b"one", b"two", b"three"):
        drive.add("Photos/trip/a.jpg", content)
    assert contents(source) == sorted([b"one", b"two", b"three"])
    assert contents(source) == sorted([b"one", b"two", b"three"]), "also in a second listing"


def test_another_file_with_the_name_leaves_the_first_as_it_was(drive: DriveEmulator, source: CloudSource) -> None:
    drive.add("Photos/a.jpg", b"one")
    before = source.list().objects
    drive.add("Photos/a.jpg", b"two")
    after = source.list().objects
    assert len(after) == 2
    assert set(before.values()) <= set(after.values())


def test_docs_and_shortcuts_are_not_images_and_a_slash_is_part_of_a_name(
    drive: DriveEmulator, source: CloudSource
) -> None:
    first = drive.add(("Photos", "a/b.jpg"), b"slash")
    drive.add("Photos/text.jpg", None, mime_type=DOCUMENT)
    drive.add_shortcut("Photos/short.jpg", first)
    assert contents(source) == [b"slash"]


def test_a_replacement_shows_in_the_hash_alone(drive: DriveEmulator, source: CloudSource) -> None:
    time_of_both = "2024-05-06T07:08:09Z"
    file_id = drive.add("Photos/a.jpg", b"one", modified=time_of_both)
    (before,) = source.list().objects.values()
    drive.replace(file_id, b"two", modified=time_of_both)
    (after,) = source.list().objects.values()
    assert (before.size, before.mtime_ns) == (after.size, after.mtime_ns)
    assert before != after


def test_a_file_that_is_gone_has_changed(drive: DriveEmulator, source: CloudSource) -> None:
    drive.add("Photos/a.jpg", b"one")
    drive.add("Photos/a.jpg", b"two")
    listing = source.list()
    drive.erase("Photos/a.jpg")
    for path, version in listing.objects.items():
        with pytest.raises(ChangedError):
            source.load(path, version, INLINE)


def test_a_drive_that_refuses_us_is_not_taken_for_an_empty_folder(drive: DriveEmulator, source: CloudSource) -> None:
    drive.add("Photos/a.jpg", b"one")
    drive.api.fail(DENIED, 50, "files.list")
    assert source.list().unread
    drive.api.recover()
    drive.api.authorised = False
    assert source.list().unread
    drive.api.authorised = True
    assert contents(source) == [b"one"]


@pytest.mark.parametrize("processed", [b"one", b"two"])
def test_of_several_files_with_one_name_no_other_is_deleted(
    drive: DriveEmulator, rclone: Rclone, tmp_path: Path, processed: bytes
) -> None:
    """Files are deleted by their names. Where a name does not say which file is meant, none is deleted."""
    source = CloudSource(rclone, Remote("gdrive", "Photos"), tmp_path / "in", Selection(), Delete())
    drive.add("Photos/a.jpg", b"one")
    drive.add("Photos/a.jpg", b"two")
    for path, version in source.list().objects.items():
        if bytes(whole(source.load(path, version, INLINE).blob)) == processed:
            with contextlib.suppress(ChangedError, TransferError):
                source.take_away(path, version)
    (left,) = drive.files().values()
    assert {b"one", b"two"} - {processed} <= set(left)


def test_a_file_that_is_the_only_one_of_its_name_is_deleted(
    drive: DriveEmulator, rclone: Rclone, tmp_path: Path
) -> None:
    source = CloudSource(rclone, Remote("gdrive", "Photos"), tmp_path / "in", Selection(), Delete())
    drive.add(("Photos", "trip", "a/b.jpg"), b"one")
    drive.add("Photos/trip/c.jpg", b"two")
    for path, version in source.list().objects.items():
        if bytes(whole(source.load(path, version, INLINE).blob)) == b"one":
            source.take_away(path, version)
    assert drive.files() == {"Photos/trip/c.jpg": [b"two"]}


def test_many_writers_make_one_tree(drive: DriveEmulator, sink: CloudSink) -> None:
    drive.api.latency = 0.02
    paths = [f"{number % 4}/trip/{number}.jpg" for number in range(32)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda path: sink.write(path, OUTPUTS, BLOBS), paths))
    assert drive.files().keys() == places(*paths)
    check_one_tree(drive)


def test_a_replaced_result_is_a_new_content_of_the_same_file(drive: DriveEmulator, sink: CloudSink) -> None:
    sink.write("a.jpg", OUTPUTS, BLOBS)
    sink.write("a.jpg", OUTPUTS, [b"newer!", b"newer"])
    assert drive.files() == {"Results/gray/a.jpg": [b"newer!"], "Results/edges/a.jpg.png": [b"newer"]}


def test_the_results_of_the_same_content_are_copied_on_the_server(drive: DriveEmulator, sink: CloudSink) -> None:
    sink.write("a.jpg", OUTPUTS, BLOBS)
    sink.write("trip/b.jpg", OUTPUTS, [b"older!", b"older"])
    uploads = drive.api.count("files.upload")
    for path in ("trip/b.jpg", "trip/c.jpg"):
        assert sink.copy("a.jpg", path, OUTPUTS)
    assert not sink.copy("gone.jpg", "trip/d.jpg", OUTPUTS)
    assert drive.api.count("files.upload") == uploads
    assert drive.files().keys() == places("a.jpg", "trip/b.jpg", "trip/c.jpg")
    assert set(map(tuple, drive.files().values())) == {(b"gray a",), (b"edges",)}


def test_a_burst_of_refusals_is_ridden_out(drive: DriveEmulator, sink: CloudSink) -> None:
    drive.api.fail(RATE_LIMITED, 3, "files.upload")
    insist(lambda: sink.write("a.jpg", OUTPUTS, BLOBS))
    assert drive.files().keys() == places("a.jpg")
    check_one_tree(drive)


def open_drive(drive: DriveEmulator, tmp_path: Path, stop: StopSignal) -> contextlib.AbstractContextManager[Ends]:
    """Both ends of a listener with --once, as it starts."""
    cloud = Cloud(drive.config(tmp_path / "rclone.conf"), None, 4)
    places = Remote("gdrive", "Photos"), Remote("gdrive", "Results")
    return open_ends(*places, tmp_path / "state", cloud, Selection(), Keep(), links=False, stop=stop, once=True)


@pytest.mark.parametrize("running", [False, True])
def test_a_store_that_is_busy_is_waited_for(
    drive: DriveEmulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, running: bool
) -> None:
    """At the start, and in the middle of the work."""
    for name, value in drive.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "users"))
    image = cv2.imencode(".jpg", picture(seed=1))[1].tobytes()
    drive.add("Photos/a.jpg", image)
    if not running:
        drive.api.fail(RATE_LIMITED, 12)
    with (
        contextlib.closing(StopSignal()) as stop,
        open_drive(drive, tmp_path, stop) as ends,
        contextlib.closing(SequentialEngine()) as engine,
        contextlib.closing(Ledger(tmp_path / "ledger", ends.source.name, DEFAULT.digest.hex())) as ledger,
    ):
        if running:
            drive.api.fail(RATE_LIMITED, 12)
        options = Options(settle=0.0, interval=0.1, once=True)
        assert serve(options, ends.source, ends.sink, ledger, engine, DEFAULT, stop=stop) == []
    results = [held for path, versions in drive.files().items() if path.startswith("Results/") for held in versions]
    assert Counter(results) == Counter(process(image, DEFAULT).values())


@pytest.mark.parametrize("trashed", ["Results", "Results/gray", "Results/gray/trip"])
def test_what_is_written_after_the_user_trashed_a_folder_can_be_seen(
    drive: DriveEmulator, sink: CloudSink, trashed: str
) -> None:
    drive.api.latency = 0.01
    before, after = ([f"trip/{word}{number}.jpg" for number in range(8)] for word in ("before", "after"))
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda path: sink.write(path, OUTPUTS, BLOBS), before))
        drive.trash(trashed)
        list(threads.map(lambda path: insist(lambda: sink.write(path, OUTPUTS, BLOBS)), after))
    assert places(*after) <= drive.files().keys()
    check_one_tree(drive)


def test_a_folder_trashed_while_results_are_written(drive: DriveEmulator, sink: CloudSink) -> None:
    """Outputs under way may end up in the trash with the folder. Outputs begun afterwards may not."""
    drive.api.latency = 0.01
    paths = [f"{number % 3}/{number}.jpg" for number in range(60)]
    with ThreadPoolExecutor(4) as threads:
        writes = [threads.submit(insist, lambda path=path: sink.write(path, OUTPUTS, BLOBS)) for path in paths]
        writes[20].result()
        drive.trash("Results/gray")
        begun = {path for path, write in zip(paths, writes, strict=True) if write.running() or write.done()}
        for write in writes:
            write.result()
    assert places(*set(paths) - begun) <= drive.files().keys()
    check_one_tree(drive)


def test_a_drive_goes_through_the_listener(
    drive: DriveEmulator, source: CloudSource, sink: CloudSink, tmp_path: Path
) -> None:
    images = [cv2.imencode(".jpg", picture(40 + number, 30))[1].tobytes() for number in range(6)]
    for number, image in enumerate(images[:4]):
        drive.add(f"Photos/trip/{number}.jpg", image)
    for image in images[4:]:
        drive.add("Photos/same.jpg", image)
    drive.add("Photos/text.jpg", None, mime_type=DOCUMENT)
    for operation in ("files.list", "files.download", "files.upload", "files.create"):
        drive.api.fail(RATE_LIMITED, 1, operation)
    with (
        contextlib.closing(StopSignal()) as stop,
        contextlib.closing(SequentialEngine()) as engine,
        contextlib.closing(Ledger(tmp_path / "ledger", source.name, DEFAULT.digest.hex())) as ledger,
    ):
        options = Options(settle=0.0, interval=0.1, once=True)
        assert serve(options, source, sink, ledger, engine, DEFAULT, stop=stop) == []
    results = [held for path, versions in drive.files().items() if path.startswith("Results/") for held in versions]
    wanted = Counter(blob for image in images for blob in process(image, DEFAULT).values())
    assert Counter(results) == wanted
    assert not [path for path, count in Counter(drive.folders()).items() if count > 1]
