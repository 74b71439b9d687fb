"""The adapter to rclone with real servers on loopback: each operation, any name, servers that refuse or are gone."""

import contextlib
import os
import time

import pytest

from filterfleet.common.wire import OutputFile
from filterfleet.listener.cloud.rclone.remote_files import Rclone
from filterfleet.listener.cloud.sink import CloudSink
from filterfleet.listener.interfaces import ChangedError, TransferError
from filterfleet.listener.settings.location import Remote
from tests.cloud.servers import KINDS
from tests.integration.harness import wait_until

pytestmark = pytest.mark.slow

HOSTILE = (
    "a'b\"c.jpg", "$(touch PWNED).jpg", "`touch PWNED`.jpg", "-rf.jpg", "--config=x.jpg", "back\\slash.jpg", "..x.jpg",
    "x..", "...", "a b  c.jpg ", " lead.jpg", "日本-🎉.jpg", "e\u0301.jpg", "%41%2F.jpg", "a?b*c[d]{e}.jpg",
    "a:b|c<d>.jpg", "~.jpg", "x" * 251 + ".jpg", "é" * 125 + ".jpg", "#!.jpg", "a;b&c.jpg", "sub:/x.jpg", "+ +.jpg",
    "a\u202eb.jpg", "folder $x/..hid/'.jpg", "403 Forbidden.jpg",
)  # fmt: skip
CONTROLS = ("new\nline.jpg", "tab\t.jpg", "\x01\x7f.jpg")
SOON = 20.0  # seconds within which an outage has to be reported


@pytest.mark.parametrize("kind", KINDS)
def test_every_operation(kind, serve, connect, file, tmp_path):
    server = serve(kind)
    rclone, fs, got = connect(server), server.fs, tmp_path / "got"
    facts = rclone.facts(fs)
    assert (facts.kind, facts.root, facts.atomic) == (kind, fs, kind == "s3")
    assert not facts.duplicates
    rclone.make_folder(fs, "sub/sub")
    rclone.upload(file, fs, "sub/a.jpg")
    same = file.stat()
    file.write_bytes(b"CONTENT")
    os.utime(file, ns=(same.st_atime_ns, same.st_mtime_ns))
    rclone.upload(file, fs, "sub/a.jpg")  # another content of the same size and time
    rclone.download(fs, "sub/a.jpg", got)
    assert got.read_bytes() == b"CONTENT"
    rclone.copy(fs, "sub/a.jpg", fs, "new/folder/b.jpg")
    rclone.move(fs, "new/folder/b.jpg", fs, "sub/c.jpg")
    file.write_bytes(b"other")
    rclone.upload(file, fs, "d.jpg")
    rclone.move(fs, "d.jpg", fs, "sub/c.jpg")  # replaces another
    assert {(entry.path, entry.size) for entry in rclone.list(fs, [])} == {("sub/a.jpg", 7), ("sub/c.jpg", 5)}
    assert [entry.path for entry in rclone.list(fs, ["- /sub/a*"])] == ["sub/c.jpg"]
    assert rclone.stat(fs, "sub/a.jpg").size == 7
    assert rclone.stat(fs, "none.jpg") is None
    assert rclone.stat(fs, "none/none.jpg") is None
    for _ in range(2):  # the second time there is nothing to delete
        rclone.delete(fs, "sub/a.jpg")
        rclone.purge(fs, "sub")
    rclone.delete(fs, "none/none.jpg")
    rclone.forget()
    assert list(rclone.list(fs, [])) == []
    for work in (rclone.copy, rclone.move):
        with pytest.raises(ChangedError):
            work(fs, "none.jpg", fs, "b.jpg")
    with pytest.raises(ChangedError):
        rclone.download(fs, "none.jpg", got)


@pytest.mark.parametrize("kind", KINDS)
def test_a_listing_and_a_look_at_one_object_agree(kind, serve, connect, file):
    server = serve(kind)
    rclone = connect(server)
    for number in range(5):
        path = server.folder / f"{number}.jpg"
        path.write_bytes(b"x" * number)
        os.utime(path, ns=(10**18 + number * 123456789,) * 2)
    if kind != "s3":  # unlike real ones, rclone's S3 server tells two times for an upload that brings its own
        rclone.upload(file, server.fs, "uploaded.jpg")
    listed = wait_until(lambda: entries if len(entries := list(rclone.list(server.fs, []))) >= 5 else None)
    assert [rclone.stat(server.fs, entry.path) for entry in listed] == listed
    assert all(entry.mtime_ns % 10**9 == 0 for entry in listed)


def test_one_object_is_asked_for_without_a_listing(serve, connect):
    server = serve("s3", options=("-vv",))
    rclone = connect(server)
    (server.folder / "a.jpg").write_bytes(b"x")
    wait_until(lambda: rclone.stat(server.fs, "a.jpg"))
    before = len(server.said)
    rclone.stat(server.fs, "a.jpg")
    requests = [line for line in server.said[before:].splitlines() if "serve s3:" in line]
    assert len(requests) == 1
    assert "HEAD OBJECT" in requests[0]


@pytest.mark.parametrize("kind", KINDS)
def test_hostile_names_go_out_and_come_back(kind, serve, connect, file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    server = serve(kind)
    rclone = connect(server)
    contents = {}
    for number, name in enumerate(HOSTILE):
        contents[name] = b"%d" % number
        file.write_bytes(contents[name])
        rclone.upload(file, server.fs, name)
    got = {}
    for entry in rclone.list(server.fs, []):
        rclone.download(server.fs, entry.path, tmp_path / "got")
        got[entry.path] = (tmp_path / "got").read_bytes()
    assert got == contents
    assert not list(tmp_path.rglob("PWNED"))


@pytest.mark.parametrize("kind", KINDS)
def test_names_with_control_characters_can_be_used_as_they_are_listed(kind, serve, connect, tmp_path):
    server = serve(kind)
    for number, name in enumerate(CONTROLS):
        (server.folder / name).write_bytes(b"%d" % number)
    rclone = connect(server)
    got = []
    for entry in wait_until(lambda: list(rclone.list(server.fs, []))):
        rclone.download(server.fs, entry.path, tmp_path / "got")
        got.append((tmp_path / "got").read_bytes())
        rclone.upload(tmp_path / "got", server.fs, f"out/{entry.path}")
        assert rclone.stat(server.fs, f"out/{entry.path}").size == 1
    assert sorted(got) == [b"0", b"1", b"2"]
    assert {path.name for path in (server.folder / "out").iterdir()} == set(CONTROLS)


@pytest.mark.parametrize("kind", KINDS)
def test_names_that_cannot_be(kind, serve, connect, file):
    server = serve(kind)
    rclone = connect(server)
    (server.folder / os.fsdecode(b"in\xffvalid.jpg")).write_bytes(b"x")
    with pytest.raises(TransferError, match="not valid UTF-8") as raised:
        rclone.upload(file, server.fs, "a\udcff.jpg")
    assert not raised.value.transient
    with pytest.raises(TransferError) as raised:
        rclone.upload(file, server.fs, "x" * 300)
    assert raised.value.transient is (kind != "sftp")  # the other two servers answer with an internal error
    listed = wait_until(lambda: [entry.path for entry in rclone.list(server.fs, [])])
    assert any(path.startswith("in") and path.endswith("valid.jpg") for path in listed)  # the others are not affected


@pytest.mark.parametrize("kind", KINDS)
def test_wrong_credentials_are_said_to_be_wrong(kind, serve, connect, file):
    server = serve(kind, password="wrong-horse-battery")
    rclone = connect(server)
    for work in (
        lambda: list(rclone.list(server.fs, [])),
        lambda: rclone.stat(server.fs, "a.jpg"),
        lambda: rclone.upload(file, server.fs, "a.jpg"),
    ):
        with pytest.raises(TransferError, match=r"credentials|access is denied") as raised:
            work()
        assert "wrong-horse" not in str(raised.value)


@pytest.mark.parametrize("kind", KINDS)
def test_a_server_that_is_down_is_soon_reported_and_used_again_when_it_is_back(kind, serve, connect, file):
    server = serve(kind)
    rclone = connect(server)
    rclone.upload(file, server.fs, "a.jpg")
    server.stop()
    for work in (lambda: list(rclone.list(server.fs, [])), lambda: rclone.upload(file, server.fs, "a.jpg")):
        began = time.monotonic()
        with pytest.raises(TransferError, match="cannot be reached"):
            work()
        assert time.monotonic() - began < SOON
    server.start()

    def works():
        with contextlib.suppress(TransferError):
            rclone.upload(file, server.fs, "a.jpg")
            return [entry.path for entry in rclone.list(server.fs, [])]
        return None

    assert wait_until(works) == ["a.jpg"]


def test_a_folder_that_is_not_there_is_said_to_be_missing(serve, connect):
    server = serve("sftp")
    with pytest.raises(TransferError, match="no such folder"):
        list(connect(server).list(f"{server.fs}/none", []))


def test_a_listing_that_broke_off_half_way_is_an_error_at_its_end(tmp_path):
    """Root may read every folder, so the one that cannot be read is a half of a union that does not exist."""
    half = tmp_path / "half"
    half.mkdir()
    (half / "a.jpg").write_bytes(b"x")
    config = tmp_path / "rclone.conf"
    config.write_text(f"[both]\ntype = combine\nupstreams = here={half} gone={tmp_path / 'none'}\n")
    rclone = Rclone(tmp_path / "state", config=config)
    try:
        listing = rclone.list("both:", [])
        assert next(listing).path == "here/a.jpg"
        with pytest.raises(TransferError, match="no such folder"):
            next(listing)
    finally:
        rclone.close()


def test_a_store_that_takes_capitals_and_small_letters_for_the_same(tmp_path):
    """rclone says so of the store, and of an alias of it. This one is a folder, so each spelling is a file of its own,
    unless our sink heeds what rclone says."""
    config = tmp_path / "rclone.conf"
    config.write_text(
        f"[card]\ntype = local\ncase_insensitive = true\n[photos]\ntype = alias\nremote = card:{tmp_path / 'out'}\n"
    )
    with contextlib.closing(Rclone(tmp_path / "rclone", config=config)) as rclone:
        assert [rclone.facts(fs).folds for fs in ("photos:", str(tmp_path))] == [True, False]
        outputs = (OutputFile("gray", "jpeg", 4),)
        with contextlib.closing(CloudSink(rclone, Remote("photos", ""), tmp_path / "spool", tmp_path / "lock")) as sink:
            sink.write("A.jpg", outputs, (b"gray",))
            with pytest.raises(TransferError, match=r"photos:gray/A\.jpg is there, and this store takes capitals"):
                sink.write("a.jpg", outputs, (b"GRAY",))
        assert rclone.names("photos:", "gray") == ["A.jpg"]
        assert rclone.names("photos:", "none") == ()
