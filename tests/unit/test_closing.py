"""Files that the listener's ends open are closed where nobody takes them over, not when they happen to be collected."""

from __future__ import annotations

import contextlib

import pytest

from filterfleet.common.blob import FileBlob
from filterfleet.common.wire import OutputFile
from filterfleet.listener.cloud.source import CloudSource
from filterfleet.listener.core.scan import Version
from filterfleet.listener.interfaces import ChangedError, TransferError
from filterfleet.listener.local.sink import OutputTree
from filterfleet.listener.local.source import Folder
from filterfleet.listener.settings.aftermath import Delete, Keep
from filterfleet.listener.settings.location import Remote
from filterfleet.listener.settings.selection import IGNORE_FILE, Selection
from tests.unit.memory_rclone import PLAIN, MemoryRclone

LIMIT = 4
OUTPUTS = (OutputFile("gray", "jpeg", 4), OutputFile("edges", "png", 5))


@pytest.fixture
def left_open(monkeypatch):
    """How many of the FileBlobs that were made in this test are open. None is collected before its end."""
    made = []

    def make(self, *arguments, before=FileBlob.__init__):
        before(self, *arguments)
        made.append(self)

    monkeypatch.setattr(FileBlob, "__init__", make)
    yield lambda: sum(blob.fileno() >= 0 for blob in made)
    for blob in made:
        blob.close()


def test_a_folder_keeps_open_what_it_hands_over_and_nothing_else(left_open, tmp_path):
    folder = Folder(tmp_path, after=Delete())
    for name in ("small.jpg", "a.jpg"):
        (tmp_path / name).write_bytes(b"x" * (LIMIT + (name == "a.jpg")))
    versions = folder.list().objects
    folder.load("small.jpg", versions["small.jpg"], LIMIT)
    with pytest.raises(ChangedError):
        folder.load("a.jpg", Version(5, 0), LIMIT)
    folder.take_away("small.jpg", versions["small.jpg"])
    with contextlib.suppress(ChangedError):
        folder.take_away("a.jpg", Version(5, 0))
    assert left_open() == 0
    folder.load("a.jpg", versions["a.jpg"], LIMIT)
    assert left_open() == 1


def test_a_source_in_a_cloud_keeps_open_what_it_hands_over_and_nothing_else(left_open, tmp_path):
    rclone = MemoryRclone(PLAIN)
    rclone.put("a.jpg", b"12345")
    rclone.put(IGNORE_FILE, b"*.png")
    source = CloudSource(rclone, Remote("cloud", "photos"), tmp_path / "spool", Selection(), Keep())
    version = source.list().objects["a.jpg"]
    source.load("a.jpg", version, 5)
    with pytest.raises(ChangedError):
        source.load("a.jpg", Version(6, 0), LIMIT)

    def fail(call):
        if call.startswith("stat"):
            raise TransferError("away", transient=True)

    rclone.before = fail
    with pytest.raises(TransferError):
        source.load("a.jpg", version, LIMIT)
    rclone.before = lambda _: None
    assert left_open() == 0
    source.load("a.jpg", version, LIMIT)
    assert left_open() == 1


def test_an_output_closes_what_it_copies(left_open, tmp_path):
    with contextlib.closing(OutputTree(tmp_path)) as tree:
        tree.put("a.jpg", OUTPUTS, (b"gray", b"edges"))
        assert tree.copy("a.jpg", "b.jpg", OUTPUTS)
        (tmp_path / "edges/a.jpg.png").unlink()
        assert not tree.copy("a.jpg", "c.jpg", OUTPUTS)
        assert left_open() == 0
