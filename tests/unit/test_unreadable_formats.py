"""Images whose library is an extra that is not on this machine."""

from __future__ import annotations

import sys

from filterfleet.common.jobs.extensions import EXTRA_OF_FORMAT, FORMAT_OF_EXTENSION, unreadable_formats
from filterfleet.listener.cloud.rclone.remote_files import Entry
from filterfleet.listener.cloud.source import CloudSource
from filterfleet.listener.local.inside import version_of
from filterfleet.listener.local.source import Folder
from filterfleet.listener.settings.aftermath import Keep
from filterfleet.listener.settings.location import Remote
from filterfleet.listener.settings.selection import Selection
from tests.unit import raw_files
from tests.unit.memory_rclone import MemoryRclone
from tests.unit.test_cloud_source import ATOMIC


def put(root, path, data=b"picture"):
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    found = file.stat()
    return version_of(found)


def test_every_extra_is_for_formats_that_files_can_have():
    assert EXTRA_OF_FORMAT.keys() <= set(FORMAT_OF_EXTENSION.values())
    assert unreadable_formats() == frozenset(), "the tests' environment has all extras"


def test_libraries_are_looked_for_and_not_imported(monkeypatch):
    class Forbidding:
        def find_spec(self, name, path=None, target=None):
            if name in ("rawpy", "pillow_jxl"):
                raise ImportError(name)

    monkeypatch.setattr(sys, "meta_path", [Forbidding(), *sys.meta_path])
    for module in ("rawpy", "pillow_jxl", "pillow_heif"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    assert unreadable_formats() == {"raw", "jxl"}
    assert "pillow_heif" not in sys.modules


def test_files_for_which_a_library_is_missing_are_left_alone_unless_an_include_pattern_names_them(tmp_path):
    versions = {path: put(tmp_path, path) for path in ("a.dng", "a.jpg", "b.DNG", "trip/c.nef", "trip/d.heic")}

    def listed(*include):
        return Folder(tmp_path, Selection(include, unreadable=frozenset({"raw"}))).list()

    assert listed().objects.keys() == {"a.jpg", "trip/d.heic"}
    assert listed().left_alone == {".dng": 2, ".nef": 1}
    for every in ("*", "trip/", "**", "*.*", "/trip/c.*"):
        assert not any(path.endswith(("dng", "nef")) for path in listed(every).objects), every
    assert listed("*.dng").objects == {"a.dng": versions["a.dng"]}
    assert listed("trip/", "*.[dD][nN][gG]").objects.keys() == {"a.dng", "b.DNG", "trip/d.heic"}
    assert listed("trip/", "*.[dD][nN][gG]").left_alone == {".nef": 1}
    assert listed("trip/c.nef").objects == {"trip/c.nef": versions["trip/c.nef"]}
    assert listed("*.dng", "!a.dng").objects == {}


def test_a_format_without_its_library_is_left_alone_without_an_extension_as_well(tmp_path):
    put(tmp_path, "one", b"FUJIFILMCCD-RAW" + bytes(100))
    put(tmp_path, "two", raw_files.dng((0.5, 0.5, 0.5)))
    put(tmp_path, "three", b"nothing")
    assert Folder(tmp_path, Selection(sniff=True)).list().objects.keys() == {"one", "two"}
    listing = Folder(tmp_path, Selection(sniff=True, unreadable=frozenset({"raw"}))).list()
    assert listing.objects == {}
    assert listing.left_alone == {"raw": 2}


def test_a_cloud_is_listed_by_the_same_rule(tmp_path):
    rclone = MemoryRclone(ATOMIC, *(Entry(path, 5, 7) for path in ("a.dng", "b.jpg", "trip/c.NEF")))

    def listed(*include):
        selection = Selection(include, unreadable=frozenset({"raw"}))
        return CloudSource(rclone, Remote("cloud", "photos"), tmp_path / "spool", selection, Keep()).list()

    assert listed().objects.keys() == {"b.jpg"}
    assert listed().left_alone == {".dng": 1, ".nef": 1}
    assert listed("*.dng").objects.keys() == {"a.dng"}
