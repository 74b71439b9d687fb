"""Files of ours that are removed or replaced while they are in use."""

from __future__ import annotations

import pytest

from filterfleet.common.errors import FleetError
from filterfleet.listener import claim
from filterfleet.listener.claim import Guard


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.setattr(claim, "LOOK", 0.0)
    (tmp_path / "state").mkdir()
    made = [tmp_path / "state" / name for name in ("ledger", "lock")]
    for file in made:
        file.touch()
    return made


def test_files_that_change_are_still_the_same(files):
    guard = Guard(*files)
    files[0].write_bytes(b"more")
    files[1].chmod(0o600)
    guard.look()
    guard.look()


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize(
    "change",
    [
        lambda file: file.unlink(),
        lambda file: [file.rename(file.with_name("old")), file.touch()],
        lambda file: [file.rename(file.with_name("old")), file.symlink_to("old")],
        lambda file: file.parent.rename(file.parent.with_name("elsewhere")),
        lambda file: [file.parent.rename(file.parent.with_name("elsewhere")), file.parent.touch()],
    ],
    ids=["gone", "another", "link", "folder gone", "folder replaced"],
)
def test_a_file_that_is_gone_or_another_is_one_sentence(files, which, change):
    guard = Guard(*files)
    change(files[which])
    with pytest.raises(FleetError, match=r"was removed or replaced while it was in use, .*\.$"):
        guard.look()


def test_it_looks_no_more_often_than_it_has_to(files, monkeypatch):
    monkeypatch.setattr(claim, "LOOK", 3600.0)
    guard = Guard(*files)
    guard.look()
    files[0].unlink()
    guard.look()
