"""Google Drive's traps: our adapter and rclone's own Drive backend against the emulator."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from filterfleet.listener.cloud.rclone.remote_files import Rclone
from filterfleet.listener.interfaces import ChangedError, TransferError
from tests.cloud.drive import DriveEmulator
from tests.cloud.drive_api import QUOTA_EXCEEDED, RATE_LIMITED, SERVER_ERROR, Fault
from tests.cloud.drive_files import DOCUMENT

pytestmark = pytest.mark.slow


@pytest.fixture
def drive() -> Iterator[DriveEmulator]:
    with DriveEmulator() as emulator:
        yield emulator


@pytest.fixture
def rclone(drive: DriveEmulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rclone]:
    for name, value in drive.environment.items():
        monkeypatch.setenv(name, value)
    adapter = Rclone(tmp_path / "state", config=drive.config(tmp_path / "rclone.conf"))
    try:
        yield adapter
    finally:
        adapter.close()


@pytest.fixture
def upload(tmp_path: Path) -> Path:
    file = tmp_path / "upload"
    file.write_bytes(b"result")
    return file


def test_files_with_one_name_are_listed_and_each_is_downloaded_by_its_id(
    drive: DriveEmulator, rclone: Rclone, tmp_path: Path
) -> None:
    ids = [drive.add("Photos/a.jpg", content) for content in (b"one", b"two")]
    entries = {entry.id: entry for entry in rclone.list("gdrive:Photos", [])}
    assert [entries[file_id].path for file_id in ids] == ["a.jpg", "a.jpg"]
    assert len({entry.hash for entry in entries.values()}) == 2
    for file_id in ids:
        rclone.download_by_id("gdrive:Photos", file_id, tmp_path / file_id)
    assert [(tmp_path / file_id).read_bytes() for file_id in ids] == [b"one", b"two"]


def test_an_id_that_is_gone_is_a_change_and_not_a_failure(drive: DriveEmulator, rclone: Rclone, tmp_path: Path) -> None:
    drive.folder("Photos")
    with pytest.raises(ChangedError):
        rclone.download_by_id("gdrive:Photos", "1Gone", tmp_path / "file")


def test_docs_and_shortcuts_are_not_files_and_a_slash_is_part_of_a_name(
    drive: DriveEmulator, rclone: Rclone, tmp_path: Path
) -> None:
    first = drive.add(("Photos", "a/b.jpg"), b"one")
    drive.add("Photos/text.jpg", None, mime_type=DOCUMENT)
    drive.add_shortcut("Photos/short.jpg", first)
    drive.add_shortcut("Photos/folder", drive.folder("elsewhere"))
    drive.add("elsewhere/far.jpg", b"far")
    (entry,) = rclone.list("gdrive:Photos", [])
    assert (entry.id, entry.path, entry.size) == (first, "a\N{FULLWIDTH SOLIDUS}b.jpg", 3)
    rclone.download("gdrive:Photos", entry.path, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == b"one"
    rclone.upload(tmp_path / "file", "gdrive:Results", entry.path)
    assert drive.files()["Results/a/b.jpg"] == [b"one"], "one name with a slash, not a file b.jpg in a folder a"
    assert drive.folders().count("Results/a") == 0


def test_a_listing_in_pages_and_folders_is_whole(drive: DriveEmulator, rclone: Rclone) -> None:
    drive.api.page_size = 7
    for number in range(60):
        drive.add(f"Photos/{number % 5}/{number}.jpg", str(number).encode())
    assert sorted(entry.path for entry in rclone.list("gdrive:Photos", [])) == sorted(
        f"{number % 5}/{number}.jpg" for number in range(60)
    )


def test_a_listing_rides_out_a_short_burst_of_refusals(drive: DriveEmulator, rclone: Rclone) -> None:
    drive.add("Photos/a.jpg", b"a")
    drive.api.fail(RATE_LIMITED, 1, "files.list")
    drive.api.fail(SERVER_ERROR, 1, "files.list")
    assert [entry.path for entry in rclone.list("gdrive:Photos", [])] == ["a.jpg"]


@pytest.mark.parametrize("fault", [RATE_LIMITED, QUOTA_EXCEEDED])
def test_a_lasting_refusal_is_one_sentence_and_passes(
    drive: DriveEmulator, rclone: Rclone, upload: Path, fault: Fault
) -> None:
    drive.api.fail(fault, 100, "files.upload")
    with pytest.raises(TransferError, match=r"^gdrive:Results/a\.jpg: [^\n]*\.$") as refused:
        rclone.upload(upload, "gdrive:Results", "a.jpg")
    assert refused.value.transient
    drive.api.recover()
    rclone.upload(upload, "gdrive:Results", "a.jpg")
    assert drive.files() == {"Results/a.jpg": [b"result"]}


def test_a_withdrawn_authorisation_is_one_sentence_and_passes(drive: DriveEmulator, rclone: Rclone) -> None:
    drive.add("Photos/a.jpg", b"a")
    drive.api.authorised = False
    with pytest.raises(TransferError, match="credentials") as refused:
        list(rclone.list("gdrive:Photos", []))
    assert refused.value.transient
    drive.api.authorised = True
    assert [entry.path for entry in rclone.list("gdrive:Photos", [])] == ["a.jpg"]


def test_what_went_into_a_trashed_folder_is_seen_to_be_missing_and_repeated(
    drive: DriveEmulator, rclone: Rclone, upload: Path
) -> None:
    rclone.upload(upload, "gdrive:Results", "gray/a.jpg")
    drive.trash("Results")
    rclone.upload(upload, "gdrive:Results", "gray/b.jpg")
    assert drive.files() == {}, "rclone remembers the folder, and Drive accepts uploads into it"
    assert rclone.stat("gdrive:Results", "gray/b.jpg") is None
    rclone.forget()
    rclone.upload(upload, "gdrive:Results", "gray/b.jpg")
    assert rclone.stat("gdrive:Results", "gray/b.jpg") is not None
    assert drive.files() == {"Results/gray/b.jpg": [b"result"]}
    assert drive.folders() == ["Results", "Results/gray"]
