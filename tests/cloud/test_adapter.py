"""The adapter to rclone, with real servers on loopback that work, misbehave, or are gone."""

import contextlib
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from filterfleet.listener.cloud.rclone import daemon as daemon_module
from filterfleet.listener.cloud.rclone.remote_files import Rclone
from filterfleet.listener.interfaces import ChangedError, TransferError
from tests.cloud.servers import KINDS, PASSWORD, RcloneServer, write_config
from tests.integration.harness import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(90)]

HOSTILE = (
    "a'b\"c.jpg", "$(touch PWNED).jpg", "`touch PWNED`.jpg", "-rf.jpg", "--config=x.jpg", "back\\slash.jpg", "..x.jpg",
    "x..", "...", "a b  c.jpg ", " lead.jpg", "日本-🎉.jpg", "e\u0301.jpg", "%41%2F.jpg", "a?b*c[d]{e}.jpg",
    "a:b|c<d>.jpg", "~.jpg", "x" * 251 + ".jpg", "é" * 125 + ".jpg", "#!.jpg", "a;b&c.jpg", "sub:/x.jpg", "+ +.jpg",
    "a\u202eb.jpg", "folder $x/..hid/'.jpg", "403 Forbidden.jpg",
)  # fmt: skip
CONTROLS = ("new\nline.jpg", "tab\t.jpg", "\x01\x7f.jpg")
BIG = 8 << 20  # bytes
SLOW = "500k"  # bytes a second: a big file takes a quarter of a minute
SOON = 20.0  # seconds within which an outage has to be reported


class Store(RcloneServer):
    """A server, and a configuration in which it is not known to be rclone's. folder: its files; fs: the remote."""

    def __init__(self, kind, home, password, options):
        home.mkdir()
        super().__init__(kind, home, "-v", *options)
        self.folder, self.fs = self.disk.root, f"{kind}:bucket"
        section = self.section(password=password) | ({"vendor": "other"} if kind == "webdav" else {})
        section.pop("shell_type", None)
        self.config = write_config(home / "rclone.conf", {kind: section})


@pytest.fixture
def serve(tmp_path):
    """serve(kind) starts a server. password: the one in the configuration; options: for `rclone serve`."""
    with contextlib.ExitStack() as stack:

        def start(kind, password=PASSWORD, options=()):
            return stack.enter_context(Store(kind, tmp_path / kind, password, options))

        yield start


@pytest.fixture
def connect(tmp_path):
    made = []

    def make(server, **options):
        made.append(Rclone(tmp_path / f"state-{len(made)}", config=server.config, **options))
        return made[-1]

    yield make
    for rclone in made:
        rclone.close()


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"content")
    os.utime(path, ns=(10**18 + 123456789,) * 2)
    return path


@pytest.fixture
def big(tmp_path):
    path = tmp_path / "big"
    path.write_bytes(os.urandom(BIG))
    return path


def servers_of_ours():
    return [child for child in psutil.Process().children() if "rcd" in child.cmdline()]


def in_background(function, *arguments):
    """Run it in a thread. Returns a list for the error, and the thread."""
    errors = []

    def run():
        try:
            function(*arguments)
        except Exception as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return errors, thread


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


def test_a_listing_that_is_given_up_leaves_no_process(serve, connect):
    server = serve("sftp")
    for number in range(50):
        (server.folder / f"{number}").mkdir()
        (server.folder / f"{number}" / "a.jpg").write_bytes(b"x")
    listing = connect(server).list(server.fs, [])
    assert next(listing).size == 1
    listing.close()
    assert not [child for child in psutil.Process().children() if "lsjson" in child.cmdline()]


def test_rclone_killed_in_the_middle_of_a_copy_is_started_again(serve, connect, file, big):
    server = serve("sftp")
    rclone = connect(server, bandwidth=SLOW)
    rclone.facts(server.fs)
    errors, thread = in_background(rclone.upload, big, server.fs, "big")
    wait_until(lambda: (server.folder / "big").exists())
    (process,) = servers_of_ours()
    process.kill()
    thread.join()
    assert isinstance(errors[0], TransferError)
    assert errors[0].transient
    rclone.upload(file, server.fs, "a.jpg")  # waits for the new server
    assert rclone.stat(server.fs, "a.jpg").size == 7
    assert len(servers_of_ours()) == 1


def test_rclone_that_hangs_is_replaced(serve, connect, monkeypatch):
    monkeypatch.setattr(daemon_module, "PROBE", 0.2)
    server = serve("sftp")
    rclone = connect(server)
    rclone.facts(server.fs)
    (process,) = servers_of_ours()
    process.suspend()
    with monkeypatch.context() as hasty:  # only now: a busy machine may well take so long to answer
        hasty.setattr(daemon_module, "ANSWER", 1.0)
        with pytest.raises(TransferError):
            rclone.stat(server.fs, "a.jpg")
    assert rclone.stat(server.fs, "a.jpg") is None
    assert servers_of_ours() != [process]


def test_close_ends_a_long_copy_quickly_and_leaves_no_process(serve, connect, big):
    server = serve("sftp")
    rclone = connect(server, bandwidth=SLOW)
    errors, thread = in_background(rclone.upload, big, server.fs, "big")
    wait_until(lambda: (server.folder / "big").exists())
    began = time.monotonic()
    rclone.close()
    thread.join()
    assert time.monotonic() - began < 3
    assert isinstance(errors[0], TransferError)
    assert servers_of_ours() == []
    rclone.close()
    with pytest.raises(TransferError):
        rclone.stat(server.fs, "big")
    with pytest.raises(TransferError):
        list(rclone.list(server.fs, []))


def test_a_stale_socket_and_a_long_path_do_no_harm_and_nobody_else_gets_in(serve, tmp_path):
    server = serve("sftp")
    state = tmp_path / ("long" * 40) / "state"
    state.mkdir(parents=True, mode=0o755)
    (state / "rclone.sock").write_bytes(b"stale")
    rclone = Rclone(state, config=server.config)
    try:
        assert rclone.stat(server.fs, "a.jpg") is None
        assert stat.S_IMODE(state.stat().st_mode) == 0o700
        (process,) = servers_of_ours()
        assert not [at for at in process.net_connections("inet") if at.status == psutil.CONN_LISTEN]
    finally:
        rclone.close()
    assert not (state / "rclone.sock").exists()


def test_nothing_outlives_a_kill_of_the_parent(serve, tmp_path, big):
    server = serve("sftp")
    program = f"""
import sys, threading
from pathlib import Path
from filterfleet.listener.cloud.rclone import daemon
from filterfleet.listener.cloud.rclone.remote_files import Rclone
daemon.SERVER_WAIT = 60
rclone = Rclone(Path({str(tmp_path / "state")!r}), config=Path({str(server.config)!r}), bandwidth={SLOW!r})
threading.Thread(target=lambda: print(rclone.facts({server.fs!r}).kind, flush=True)).start()
rclone.upload(Path({str(big)!r}), {server.fs!r}, "big")
"""
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    with parent:
        assert parent.stdout.readline() == "sftp\n"
        wait_until(lambda: (server.folder / "big").exists())
        children = psutil.Process(parent.pid).children(recursive=True)
        assert children
        parent.send_signal(signal.SIGKILL)
    wait_until(lambda: not any(child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in children))


def test_secrets_are_in_no_arguments_and_in_no_log(serve, connect, file, tmp_path):
    server = serve("s3")
    rclone = connect(server)
    rclone.upload(file, server.fs, "a.jpg")
    (process,) = servers_of_ours()
    assert PASSWORD not in " ".join(process.cmdline())
    assert PASSWORD not in Path(tmp_path / "state-0" / "rclone.log").read_text()
