"""The one way to open what others can name: it never waits, and never leaves the folder."""

from __future__ import annotations

import fcntl
import os
import socket
from pathlib import Path

import pytest

from filterfleet.common.opening import (
    LinkError,
    NotAFileError,
    check_file,
    inside_of,
    open_below,
    open_file,
    opened,
    opened_below,
    read_file,
)


def make_pipe(path):
    os.mkfifo(path)


def make_socket(path):
    made = socket.socket(socket.AF_UNIX)
    here = Path.cwd()
    os.chdir(path.parent)  # the path of a socket may not be long
    try:
        made.bind(path.name)
    finally:
        os.chdir(here)
        made.close()


KINDS = {"a named pipe": make_pipe, "a socket": make_socket}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("through", [lambda path: path, lambda path: link_to(path)], ids=["itself", "a link"])
def test_pipes_and_sockets_are_named_and_not_waited_for(tmp_path, kind, through):
    KINDS[kind](tmp_path / "a.jpg")
    path = through(tmp_path / "a.jpg")
    for open_it in (open_file, check_file, lambda path: read_file(path, 1)):
        with pytest.raises(NotAFileError, match=f"it is not a file but {kind}"):
            open_it(path)


def link_to(path):
    (path.parent / "link").symlink_to(path.name)
    return path.parent / "link"


@pytest.mark.parametrize(
    ("path", "words"),
    [("/dev/zero", "it is not a file but a device"), ("/", "Is a directory")],
    ids=["device", "folder"],
)
def test_devices_and_folders_are_not_opened(path, words):
    with pytest.raises(NotAFileError, match=words):
        read_file(path, 10)


def test_a_pipe_that_takes_the_place_of_a_file_at_the_last_moment_is_not_waited_for(tmp_path, monkeypatch):
    path = tmp_path / "a.jpg"
    path.write_bytes(b"picture")
    open_before = os.open

    def swapped(name, flags, **where):
        path.unlink()
        os.mkfifo(path)
        return open_before(name, flags, **where)

    monkeypatch.setattr(os, "open", swapped)
    with pytest.raises(NotAFileError):
        open_file(path)


def test_a_file_that_others_have_a_lease_on_is_not_waited_for(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"picture")
    with (tmp_path / "a.jpg").open("r+b") as held:
        fcntl.fcntl(held, fcntl.F_SETSIG, 23)  # SIGURG, which is ignored, instead of SIGIO, which kills
        fcntl.fcntl(held, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        with pytest.raises(BlockingIOError):
            open_file(tmp_path / "a.jpg")


def test_files_that_claim_to_be_empty_are_read_up_to_the_limit():
    assert read_file("/proc/self/maps", 10)
    assert len(read_file("/proc/self/maps", 10)) == 10


def content(descriptor):
    with os.fdopen(descriptor, "rb") as file:
        return file.read()


@pytest.fixture
def root(tmp_path):
    """A folder with a file in it, beside another folder with a secret in it."""
    for path, data in (("root/trip/a.jpg", b"picture"), ("out/secret.jpg", b"secret"), ("out/trip/a.jpg", b"secret")):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(data)
    return tmp_path / "root"


def test_links_below_the_folder_are_followed(root):
    for name, target in (("1", "trip/a.jpg"), ("2", root / "trip/a.jpg"), ("3", "2"), ("4", "../root/./trip/a.jpg")):
        (root / name).symlink_to(target)
        assert content(open_below(root, name)) == b"picture"
        assert inside_of(root, name) == "trip/a.jpg"


def test_the_folder_itself_may_be_reached_through_a_link(root, tmp_path):
    (tmp_path / "named").symlink_to("root")
    (root / "link").symlink_to(root / "trip/a.jpg")
    for path in ("link", "trip/a.jpg"):
        assert content(open_below(tmp_path / "named", path)) == b"picture"


@pytest.mark.parametrize("target", ["../out/secret.jpg", "/etc/passwd", "trip/../../out/secret.jpg", "away/secret.jpg"])
def test_links_out_of_the_folder_are_not(root, target):
    (root / "away").symlink_to("../out")
    (root / "link").symlink_to(target)
    with pytest.raises(LinkError):
        open_below(root, "link")
    assert inside_of(root, "link") is None


@pytest.mark.parametrize("path", ["away/secret.jpg", "../out/secret.jpg", "trip/../../out/secret.jpg"])
def test_no_folder_on_the_way_may_be_a_link_or_lead_upwards(root, path):
    (root / "away").symlink_to("../out")
    with pytest.raises(LinkError):
        open_below(root, path)


def test_a_folder_that_becomes_a_link_while_it_is_being_opened_leads_nowhere(root, monkeypatch):
    open_before = os.open

    def swapped(name, flags, **where):
        if name == "trip":
            (root / "trip").rename(root / "gone")
            (root / "trip").symlink_to("../out/trip")
        return open_before(name, flags, **where)

    monkeypatch.setattr(os, "open", swapped)
    with pytest.raises(LinkError):
        open_below(root, "trip/a.jpg")


def test_a_file_below_an_open_folder_stays_where_it_is_when_the_folder_is_replaced(root):
    with opened(root) as top, opened_below(top, "trip") as trip:
        (root / "trip").rename(root / "gone")
        (root / "trip").symlink_to("../out/trip")
        assert content(open_file("a.jpg", folder=trip, links=False)) == b"picture"


def test_missing_folders_are_made_only_below(root, tmp_path):
    (root / "away").symlink_to("../out")
    with opened(root) as top:
        with opened_below(top, "x/y", make=True, read=True) as made:
            assert os.listdir(made) == []
        for path in ("away/new", "../new"):
            with pytest.raises(LinkError), opened_below(top, path, make=True):
                pass
        with opened_below(top, "away/new", make=True, links=True):
            assert (tmp_path / "out/new").is_dir()
    assert not (tmp_path / "new").exists()


def test_nothing_is_left_open(root):
    before = len(os.listdir("/proc/self/fd"))
    (root / "link").symlink_to("../out/secret.jpg")
    os.mkfifo(root / "pipe")
    for path in ("link", "pipe", "missing", "trip/missing", "trip/a.jpg/x", "../x"):
        with pytest.raises(OSError, match=r"."):
            open_below(root, path)
    assert len(os.listdir("/proc/self/fd")) == before
