"""The Drive emulator itself: what rclone's own commands see there, and what they leave."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.cloud.drive import DriveEmulator
from tests.cloud.drive_api import ACCESS_TOKEN, RATE_LIMITED, REFRESH_TOKEN, SERVER_ERROR
from tests.cloud.drive_files import DOCUMENT, FOLDER, Drive
from tests.cloud.drive_query import QueryError, parse_query


class Rclone:
    """rclone's command line, with the emulator as its Google Drive."""

    def __init__(self, drive: DriveEmulator, home: Path) -> None:
        self.drive, self.home = drive, home
        self.config = drive.config(home / "rclone.conf")

    def run(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        program = str(Path(sys.executable).parent / "rclone")
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.home)} | self.drive.environment
        command = [program, "--config", str(self.config), *map(str, arguments)]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)

    def __call__(self, *arguments: str | Path) -> str:
        done = self.run(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def operations(self) -> list[str]:
        return [call.operation for call in self.drive.api.calls]


@pytest.fixture
def drive() -> Iterator[DriveEmulator]:
    with DriveEmulator() as emulator:
        yield emulator


@pytest.fixture
def rclone(drive: DriveEmulator, tmp_path: Path) -> Rclone:
    home = tmp_path / "home"
    home.mkdir()
    return Rclone(drive, home)


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("trashed=false and ('A' in parents)", ["a.jpg", "it's"]),
        ("trashed=false and ('A' in parents or 'B' in parents)", ["a.jpg", "it's", "b.jpg"]),
        ("('A' in parents) and (name='a.jpg' or name='b.jpg')", ["a.jpg"]),
        (r"name='it\'s' and mimeType!='folder'", ["it's"]),
        (r"name='back\\slash'", ["back\\slash"]),
        ("mimeType='folder' or trashed=true", ["back\\slash", "old"]),
    ],
)
def test_a_query_finds_what_it_asks_for(query: str, names: list[str]) -> None:
    resources = [
        {"name": "a.jpg", "parents": ["A"], "trashed": False, "mimeType": "image/jpeg"},
        {"name": "it's", "parents": ["A"], "trashed": False, "mimeType": "image/jpeg"},
        {"name": "b.jpg", "parents": ["B"], "trashed": False, "mimeType": "image/jpeg"},
        {"name": "back\\slash", "parents": [], "trashed": False, "mimeType": "folder"},
        {"name": "old", "parents": ["A"], "trashed": True, "mimeType": "image/jpeg"},
    ]
    assert [resource["name"] for resource in resources if parse_query(query)(resource)] == names


@pytest.mark.parametrize(
    "query", ["", "trashed", "trashed=maybe", "(trashed=true", "trashed=true)", "a ~ b", "size > 5"]
)
def test_a_query_that_is_not_understood_is_refused(query: str) -> None:
    with pytest.raises(QueryError):
        parse_query(query)


def test_what_is_below_a_trashed_folder_is_in_the_trash() -> None:
    drive = Drive()
    folder = drive.create({"name": "out", "mimeType": FOLDER}, None)
    drive.create({"name": "a", "parents": [folder.id]}, b"a")
    drive.update(folder.id, {"trashed": True})
    drive.create({"name": "late", "parents": [folder.id]}, b"b")
    assert drive.visible() == []
    assert [found["name"] for found in drive.search("trashed=true")] == ["late", "a", "out"]


def test_files_of_one_name_stay_apart(drive: DriveEmulator) -> None:
    ids = {drive.add("photos/a.jpg", content) for content in (b"one", b"two")}
    drive.add(("photos", "b/c.jpg"), b"slash")
    assert len(ids) == 2
    assert drive.files() == {"photos/a.jpg": [b"one", b"two"], "photos/b/c.jpg": [b"slash"]}
    assert drive.folders() == ["photos"]


@pytest.mark.slow
def test_files_go_in_and_come_out_again(rclone: Rclone, tmp_path: Path) -> None:
    (tmp_path / "in/sub").mkdir(parents=True)
    contents = {"small.jpg": b"small", "sub/empty.jpg": b"", "sub/large.bin": random.Random(1).randbytes(20 << 20)}
    for path, content in contents.items():
        (tmp_path / "in" / path).write_bytes(content)
    rclone("copy", tmp_path / "in", "gdrive:Photos")
    assert rclone.drive.files() == {f"Photos/{path}": [content] for path, content in contents.items()}
    assert rclone.drive.folders() == ["Photos", "Photos/sub"]
    assert rclone.operations().count("files.resume") == 3, "20 MiB go in chunks of 8"
    rclone("copy", "gdrive:Photos", tmp_path / "out")
    assert {path: (tmp_path / "out" / path).read_bytes() for path in contents} == contents
    rclone("check", "gdrive:Photos", tmp_path / "in")


@pytest.mark.slow
def test_a_listing_shows_ids_hashes_docs_and_shortcuts(rclone: Rclone) -> None:
    drive = rclone.drive
    first = drive.add("Photos/a.jpg", b"one", modified="2020-02-03T04:05:06.789Z")
    second = drive.add("Photos/a.jpg", b"two")
    drive.add(("Photos", "x/y.jpg"), b"slash")
    drive.add("Photos/text", None, mime_type=DOCUMENT)
    drive.add_shortcut("Photos/short.jpg", first)
    drive.add("Photos/gone.jpg", b"gone")
    drive.trash("Photos/gone.jpg")
    entries = json.loads(rclone("lsjson", "--hash", "gdrive:Photos"))
    found = {entry["ID"]: (entry["Name"], entry["Size"]) for entry in entries}
    assert found[first] == found[second] == ("a.jpg", 3)
    assert sorted(found.values()) == [
        ("a.jpg", 3),
        ("a.jpg", 3),
        ("short.jpg", 3),
        ("text.docx", -1),
        ("x\N{FULLWIDTH SOLIDUS}y.jpg", 5),
    ]
    entry = next(entry for entry in entries if entry["ID"] == first)
    assert entry["Hashes"]["md5"] == "f97c5d29941bfb1b2fdab0874906ab82"
    assert entry["ModTime"] == "2020-02-03T04:05:06.789Z"


@pytest.mark.slow
def test_duplicates_are_had_by_id(rclone: Rclone, tmp_path: Path) -> None:
    ids = [rclone.drive.add("Photos/a.jpg", content) for content in (b"one", b"two")]
    for number, file_id in enumerate(ids):
        rclone("backend", "copyid", "gdrive:", file_id, tmp_path / str(number))
    assert [(tmp_path / str(number)).read_bytes() for number in range(2)] == [b"one", b"two"]


@pytest.mark.slow
def test_files_are_replaced_moved_copied_and_deleted(rclone: Rclone, tmp_path: Path) -> None:
    drive = rclone.drive
    (tmp_path / "new").write_bytes(b"newer")
    drive.add("a.jpg", b"old")
    rclone("copyto", tmp_path / "new", "gdrive:a.jpg")
    rclone("copyto", "gdrive:a.jpg", "gdrive:copies/b.jpg")
    rclone("moveto", "gdrive:a.jpg", "gdrive:moved/c.jpg")
    rclone("mkdir", "gdrive:empty")
    assert drive.files() == {"copies/b.jpg": [b"newer"], "moved/c.jpg": [b"newer"]}
    assert drive.folders() == ["copies", "empty", "moved"]
    rclone("deletefile", "gdrive:copies/b.jpg")
    rclone("deletefile", "--drive-use-trash=false", "gdrive:moved/c.jpg")
    rclone("purge", "gdrive:copies")
    assert drive.files() == {}
    assert drive.folders() == ["empty", "moved"]
    assert {"files.copy", "files.update", "files.delete"} <= set(rclone.operations())


@pytest.mark.slow
def test_a_part_of_a_file_and_a_listing_in_pages(rclone: Rclone) -> None:
    drive = rclone.drive
    drive.api.page_size = 3
    for number in range(10):
        drive.add(f"Photos/{number}.jpg", f"0123456789{number}".encode())
    assert rclone("lsf", "gdrive:Photos").split() == [f"{number}.jpg" for number in range(10)]
    assert rclone("cat", "--offset", "8", "--count", "3", "gdrive:Photos/7.jpg") == "897"
    assert rclone("cat", "--offset", "-2", "gdrive:Photos/7.jpg") == "97"


@pytest.mark.slow
def test_a_root_folder_a_new_token_and_the_space_left(rclone: Rclone) -> None:
    drive = rclone.drive
    drive.add("shared/Photos/a.jpg", b"a")
    drive.config(rclone.config, root="shared", expired=True)
    assert rclone("lsf", "-R", "gdrive:").split() == ["Photos/", "Photos/a.jpg"]
    assert rclone.operations()[0] == "token"
    assert json.loads(rclone("about", "--json", "gdrive:"))["used"] == 1
    assert json.loads(rclone("backend", "drives", "gdrive:")) == []


@pytest.mark.slow
def test_the_set_up_for_a_machine_without_a_browser(rclone: Rclone) -> None:
    """The command from docs/cloud/google-drive.md, with the token that "rclone authorize" prints."""
    rclone.drive.add("Photos/a.jpg", b"a")
    token = json.dumps({"access_token": ACCESS_TOKEN, "refresh_token": REFRESH_TOKEN, "expiry": "2100-01-01T00:00:00Z"})
    options = ["client_id=ID", "client_secret=SECRET", "scope=drive", "config_is_local=false", f"config_token={token}"]
    rclone("config", "create", "headless", "drive", *options)
    assert rclone("lsf", "headless:Photos").split() == ["a.jpg"]


@pytest.mark.slow
def test_the_set_up_with_a_service_account(rclone: Rclone, tmp_path: Path) -> None:
    """The commands from docs/cloud/google-drive.md, with a key made here."""
    drive = rclone.drive
    drive.add("shared/a.jpg", b"a")
    key = rsa.generate_private_key(65537, 2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    account = {"type": "service_account", "client_email": "fleet@example.iam.gserviceaccount.com", "private_key": pem}
    (tmp_path / "key.json").write_text(json.dumps(account | {"token_uri": "https://oauth2.googleapis.com/token"}))
    options = ["scope=drive", f"service_account_file={tmp_path}/key.json"]
    rclone("config", "create", "folder", "drive", *options, f"root_folder_id={drive.folder('shared')}")
    rclone("config", "create", "member", "drive", *options, "impersonate=anna@example.com")
    assert rclone("lsf", "folder:").split() == ["a.jpg"]
    assert rclone("lsf", "member:shared").split() == ["a.jpg"]
    assert rclone.operations().count("token") == 2


@pytest.mark.slow
def test_faults_are_met_and_end(rclone: Rclone) -> None:
    drive = rclone.drive
    drive.add("a.jpg", b"a")
    drive.api.fail(RATE_LIMITED, 2, "files.list")
    drive.api.fail(SERVER_ERROR, 1, "files.get")
    assert rclone("lsf", "gdrive:").split() == ["a.jpg"]
    assert [call.status for call in drive.api.calls] == [500, 200, 403, 403, 200]


@pytest.mark.slow
def test_a_token_that_is_refused(rclone: Rclone) -> None:
    rclone.drive.api.authorised = False
    refused = rclone.run("lsf", "gdrive:")
    assert refused.returncode != 0
    assert "Invalid credentials" in refused.stderr
    rclone.drive.config(rclone.config, expired=True)
    refused = rclone.run("lsf", "gdrive:")
    assert refused.returncode != 0
    assert "invalid_grant" in refused.stderr
    rclone.drive.api.authorised = True
    assert rclone("lsf", "gdrive:") == ""
