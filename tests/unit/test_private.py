"""What only this user may read: the ledger, logs, and the folder of both; also those of earlier versions."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
import stat
from pathlib import Path

import pytest

from filterfleet.common.jobs.recipe import DEFAULT
from filterfleet.common.private import make_private_folder, open_log
from filterfleet.listener.cloud.rclone.daemon import LINE_LIMIT, BoundedLog
from filterfleet.listener.core.scan import Version
from filterfleet.listener.ledger.ledger import Ledger
from filterfleet.listener.ledger.opening import open_ledger
from filterfleet.listener.settings.location import Remote, full_text, parse_location
from filterfleet.listener.state import state_folder

OLD = ":s3,endpoint='http://127.0.0.1:1',access_key_id=HUSH1,secret_access_key=HUSH2:bucket"
ROTATED = OLD.replace("HUSH", "HUSHED")


def modes(folder: Path) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in (folder, *folder.iterdir())}


@pytest.fixture(autouse=True)
def _permissive():
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.parametrize("existing", [False, True])
def test_a_ledger_and_its_folder_are_this_users_alone(tmp_path: Path, existing: bool):
    folder = tmp_path / ".filterfleet"
    if existing:
        with contextlib.closing(open_ledger(tmp_path / "in", tmp_path, None, DEFAULT)):
            pass
        for path in (folder, *folder.iterdir()):
            path.chmod(0o775)  # as a umask of 002 makes them; 0o777 is refused
    with contextlib.closing(open_ledger(tmp_path / "in", tmp_path, None, DEFAULT)) as ledger:
        ledger.set_listed()
        ledger.commit()
        found = modes(folder)
    assert found == {
        ".filterfleet": 0o700,
        **dict.fromkeys(("ledger.sqlite3", "ledger.sqlite3-wal", "ledger.sqlite3-shm"), 0o600),
    }


def test_a_folder_that_the_user_chose_stays_as_it_is(tmp_path: Path):
    tmp_path.chmod(0o755)
    with contextlib.closing(open_ledger(tmp_path / "in", tmp_path / "out", tmp_path, DEFAULT)):
        found = modes(tmp_path)
    assert found.pop(tmp_path.name) == 0o755
    assert set(found.values()) == {0o600}
    with contextlib.closing(open_ledger(tmp_path / "in", tmp_path / "out", tmp_path / "new", DEFAULT)):
        assert modes(tmp_path / "new")["new"] == 0o700


def test_folders_and_files_of_others_are_not_touched_by_way_of_links(tmp_path: Path):
    (tmp_path / "theirs").mkdir()
    (tmp_path / "ours").symlink_to("theirs")
    make_private_folder(tmp_path / "ours")
    assert modes(tmp_path / "theirs")["theirs"] == 0o777


def test_logs_are_closed_to_others_even_when_they_exist(tmp_path: Path):
    (tmp_path / "old.log").write_bytes(b"old\n")
    for name in ("old.log", "new.log"):
        with open_log(tmp_path / name) as log:
            log.write(b"line\n")
    assert (tmp_path / "old.log").read_bytes() == b"old\nline\n"
    assert {modes(tmp_path)[name] for name in ("old.log", "new.log")} == {0o600}


def test_a_secret_is_hidden_wherever_a_log_of_rclone_is_cut(tmp_path: Path):
    line = b"failed: the-secret-key is wrong\n"
    for cut in range(len(line)):
        log = BoundedLog(tmp_path / f"{cut}.log", lambda text: text.replace("the-secret-key", "***"))
        log.write(line[:cut])
        log.write(line[cut:])
        log.write(b"no end")
        log.close()
        assert (tmp_path / f"{cut}.log").read_bytes() == b"failed: *** is wrong\nno end"
        assert log.tail == "failed: *** is wrong\nno end"
    log = BoundedLog(tmp_path / "endless.log")
    log.write(b"x" * (LINE_LIMIT + 1))
    assert (tmp_path / "endless.log").stat().st_size == LINE_LIMIT + 1
    log.close()


def filled_by_an_earlier_version(file: Path) -> None:
    for source in (OLD, ROTATED, "/photos, token=1:x", "s3:bucket"):
        with contextlib.closing(Ledger(file, source, DEFAULT.digest.hex())) as ledger:
            ledger.add("a.jpg", Version(1, 1), fresh=True)
            ledger.add(f"{source[-8:]}{len(source)}.jpg".replace("/", ""), Version(1, 1), fresh=True)
            ledger.tell("a.jpg")
            ledger.leave_alone({".txt": 3})
            ledger.set_listed()
            ledger.commit()


def test_an_old_ledger_loses_its_secrets_and_nothing_else(tmp_path: Path):
    filled_by_an_earlier_version(tmp_path / "ledger.sqlite3")
    assert b"HUSH" in (tmp_path / "ledger.sqlite3").read_bytes()
    keeping_a_log = sqlite3.connect(tmp_path / "ledger.sqlite3")  # so that SQLite does not remove the log at the end
    keeping_a_log.execute("SELECT * FROM sqlite_master").fetchall()
    with contextlib.closing(open_ledger(parse_location(OLD), tmp_path / "out", tmp_path, DEFAULT)) as ledger:
        assert ledger.was_listed
        assert len(ledger.pending()) == 3
        assert ledger.left_alone() == {".txt": 3}
        ledger.commit()
        for file in tmp_path.iterdir():
            assert b"HUSH" not in file.read_bytes(), file
    keeping_a_log.close()
    for source in (Path("/photos, token=1:x"), Remote("s3", "bucket")):
        with contextlib.closing(open_ledger(source, tmp_path / "out", tmp_path, DEFAULT)) as ledger:
            assert len(ledger.pending()) == 2


def test_a_state_folder_that_was_named_by_secrets_is_found_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    source, output = parse_location(OLD), Remote("s3", "out")
    folder = state_folder(source, output, None)
    assert folder == state_folder(parse_location(ROTATED), output, None)

    name = hashlib.sha256(f"{full_text(source)}\n{full_text(output)}".encode()).hexdigest()[:16]
    (tmp_path / "filterfleet" / name).mkdir(parents=True)
    (tmp_path / "filterfleet" / name / "ledger.sqlite3").touch()
    assert state_folder(source, output, None) == folder
    assert (folder / "ledger.sqlite3").exists()
    assert state_folder(source, output, None) == folder
