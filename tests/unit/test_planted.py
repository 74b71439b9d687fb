"""Links and other things that somebody else has planted in an output folder."""

from __future__ import annotations

import contextlib
import os
import sqlite3

import pytest

from filterfleet.common.blob import FileBlob
from filterfleet.common.errors import FleetError
from filterfleet.common.jobs.recipe import DEFAULT
from filterfleet.common.ours import own_room
from filterfleet.common.wire import OutputFile
from filterfleet.listener.claim import claim
from filterfleet.listener.interfaces import TransferError
from filterfleet.listener.ledger.opening import open_ledger
from filterfleet.listener.local.sink import OutputTree
from filterfleet.listener.state import PRIVATE
from tests.unit.rights_rig import STRANGER

OUTPUTS = (OutputFile("grayscale", "jpeg", 4),)
BLOBS = (b"gray",)

pytestmark = pytest.mark.usefixtures("rights")
only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


@pytest.fixture
def victim(tmp_path):
    """A folder of somebody else, in which nothing may change."""
    folder = tmp_path / "victim"
    folder.mkdir()
    (folder / "letter").write_bytes(b"Dear")
    with contextlib.closing(sqlite3.connect(folder / "data")) as data:
        data.executescript("CREATE TABLE objects (x); INSERT INTO objects VALUES (1); PRAGMA user_version = 0;")
    before = snapshot(folder)
    yield folder
    assert snapshot(folder) == before


def snapshot(folder):
    return {file.relative_to(folder): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.fixture
def out(tmp_path):
    (tmp_path / "out" / PRIVATE).mkdir(parents=True)
    return tmp_path / "out"


def start(out):
    """What a listener opens when it starts."""
    with contextlib.closing(OutputTree(out)):
        open_ledger(out.parent / "in", out, None, DEFAULT).close()


@pytest.mark.parametrize("name", ["tmp", "lock", "ledger.sqlite3", "ledger.sqlite3-wal", "ledger.sqlite3-shm", ""])
@pytest.mark.parametrize("target", ["../../victim", "../../victim/letter", "../../victim/data", "../../victim/new"])
def test_no_link_is_followed_to_anything_of_ours(victim, out, name, target):
    if name:
        (out / PRIVATE / name).symlink_to(target)
    else:
        (out / PRIVATE).rmdir()
        (out / PRIVATE).symlink_to(target.removeprefix("../"))
    with pytest.raises(FleetError, match=rf"^.*{PRIVATE}.* is a link, but it has to be our own: remove it\.$"):
        start(out)


@pytest.mark.parametrize("name", ["lock", "ledger.sqlite3", "ledger.sqlite3-wal"])
def test_a_file_that_has_another_name_elsewhere_is_not_ours(victim, out, name):
    os.link(victim / "data", out / PRIVATE / name)
    with pytest.raises(FleetError, match="has another name elsewhere"):
        start(out)


@pytest.mark.parametrize("name", ["tmp", "lock", "ledger.sqlite3", "ledger.sqlite3-shm", ""])
def test_a_pipe_in_the_place_of_something_of_ours_is_one_sentence(out, name):
    if not name:
        (out / PRIVATE).rmdir()
    os.mkfifo(out / PRIVATE / name)
    with pytest.raises(FleetError, match=r"^.* (is not a file, but|cannot be written: Not a directory).*\.$"):
        start(out)


@only_root
@pytest.mark.parametrize("name", ["tmp", "lock", "ledger.sqlite3", ""])
def test_what_belongs_to_another_user_is_not_ours(out, name, rights):
    planted = out / PRIVATE / name
    if name == "tmp":
        planted.mkdir()
    elif name:
        planted.touch()
    user = os.geteuid()
    os.seteuid(0)
    os.chown(planted, STRANGER, STRANGER)
    planted.chmod(0o777)
    os.seteuid(user)
    with pytest.raises(FleetError, match=r"belongs to another user \(uid 65533\)"):
        start(out)


@pytest.mark.parametrize("name", ["tmp", "lock", "ledger.sqlite3", ""])
def test_what_others_can_write_to_is_not_ours(out, name):
    start(out)
    (out / PRIVATE / name).chmod(0o777)
    with pytest.raises(FleetError, match=r"^Others can write to .*: chmod go-w it"):
        start(out)


def test_what_a_umask_of_002_has_made_is_kept_from_the_group_from_now_on(out):
    start(out)
    ours = [out / PRIVATE, *(out / PRIVATE / name for name in ("tmp", "lock", "ledger.sqlite3"))]
    for path in ours:
        path.chmod(0o775)
    start(out)
    assert [oct(path.stat().st_mode & 0o022) for path in ours] == ["0o0"] * 4


def test_what_is_made_is_for_us_alone(tmp_path):
    start(tmp_path / "new")
    private = tmp_path / "new" / PRIVATE
    modes = {path.name: path.stat().st_mode & 0o777 for path in (private, *private.iterdir())}
    assert modes == {PRIVATE: 0o700, "tmp": 0o700, "lock": 0o600, "placing": 0o600, "ledger.sqlite3": 0o600}


@pytest.mark.parametrize("mode", [0o777, 0o1777])
def test_the_output_itself_may_be_open_to_everybody(out, mode):
    out.chmod(mode)
    start(out)


def test_a_lock_is_not_cut(out):
    (out / PRIVATE / "lock").write_bytes(b"text")
    start(out)
    assert (out / PRIVATE / "lock").read_bytes() == b"text"


def test_folders_for_logs_and_claims_elsewhere_follow_the_same_rule(victim, out, tmp_path):
    (out / PRIVATE / "logs").mkdir()
    (out / PRIVATE / "logs/listener.log").symlink_to(victim / "letter")
    with pytest.raises(FleetError, match="is a link"):
        own_room(out / PRIVATE, "logs")
    (tmp_path / "locks").mkdir()
    (tmp_path / "locks/one").symlink_to(victim / "letter")
    with pytest.raises(FleetError, match="is a link"):
        claim(tmp_path / "locks/one", "using it", "choose another")


# --- below the output ----


@pytest.fixture
def tree(out):
    with contextlib.closing(OutputTree(out)) as tree:
        yield tree


@pytest.mark.parametrize("link", ["grayscale", "grayscale/trip", "failed", "failed/trip"])
def test_nothing_is_written_read_or_removed_through_a_link_to_a_folder(victim, tree, link):
    (victim / "trip").mkdir()
    for name in ("a.jpg", "a.jpg.txt", "trip/a.jpg", "trip/a.jpg.txt"):
        (victim / name).write_bytes(b"mine")
    before = snapshot(victim)
    (tree.root / link).parent.mkdir(exist_ok=True)
    (tree.root / link).symlink_to(victim)
    if link.startswith("grayscale"):
        with pytest.raises(TransferError, match=r"is followed only with --follow-links\.$") as raised:
            tree.put("trip/a.jpg", OUTPUTS, BLOBS)
        assert raised.value.transient  # the link may go
        assert raised.value.alone is (link != "grayscale"), "else all images have an output there"
        assert not tree.copy("trip/a.jpg", "b.jpg", OUTPUTS)
    else:
        for act in (lambda: tree.write_failed("trip/a.jpg", "No.", b"x"), lambda: tree.clear_failed("trip/a.jpg")):
            with pytest.raises(TransferError, match="--follow-links"):
                act()
    assert snapshot(victim) == before
    for path in before:
        (victim / path).unlink() if str(path) not in ("letter", "data") else None


def test_a_folder_that_is_a_link_is_told_before_the_work_begins(victim, tree):
    tree.check(["grayscale", "failed"])
    for name in ("grayscale", "failed"):
        (tree.root / name).symlink_to(victim)
        with pytest.raises(FleetError, match=rf"^The folder .*/{name} is a link, .* only with --follow-links\.$"):
            tree.check(["edges", name])


def test_links_to_folders_are_followed_when_the_user_says_so(out, tmp_path):
    (tmp_path / "disk").mkdir()
    (out / "grayscale").symlink_to(tmp_path / "disk")
    with contextlib.closing(OutputTree(out, links=True)) as tree:
        tree.put("trip/a.jpg", OUTPUTS, BLOBS)
        assert tree.copy("trip/a.jpg", "b.jpg", OUTPUTS)
        assert tree.publish(["b.jpg"]) == {}
    assert (tmp_path / "disk/trip/a.jpg").read_bytes() == (tmp_path / "disk/b.jpg").read_bytes() == b"gray"


def test_a_link_in_the_place_of_an_output_is_replaced_and_not_followed(victim, tree):
    (tree.root / "grayscale").mkdir()
    (tree.root / "grayscale/a.jpg").symlink_to(victim / "letter")
    assert not tree.copy("a.jpg", "b.jpg", OUTPUTS)  # the letter has four bytes as well
    tree.put("a.jpg", OUTPUTS, BLOBS)
    assert not (tree.root / "grayscale/a.jpg").is_symlink()
    assert (tree.root / "grayscale/a.jpg").read_bytes() == b"gray"


def test_a_folder_that_is_swapped_for_a_link_while_a_file_is_written_leads_nowhere(victim, tree, monkeypatch):
    """At every moment: the swap happens before each of the calls that write, one after the other."""
    (tree.root / "grayscale/trip").mkdir(parents=True)
    for call in ("open", "mkdir", "rename"):
        with monkeypatch.context() as patch, contextlib.suppress(TransferError):
            patch.setattr(os, call, before_it(getattr(os, call), patch, call, lambda: swap(tree.root, victim)))
            tree.put(f"trip/{call}/a.jpg", OUTPUTS, BLOBS)
        assert (tree.root / "grayscale").is_symlink()
        (tree.root / "grayscale").unlink()
        (tree.root / "moved").rename(tree.root / "grayscale")
    assert not (victim / "trip").exists()


def before_it(call, patch, name, act):
    """call, and act once before it."""

    def changed(*arguments, **where):
        patch.setattr(os, name, call)
        act()
        return call(*arguments, **where)

    return changed


def swap(root, victim):
    (root / "grayscale").rename(root / "moved")
    (root / "grayscale").symlink_to(victim)


def test_the_private_folder_may_be_swapped_while_it_is_in_use(victim, tree):
    (tree.root / PRIVATE).rename(tree.root / "moved")
    (tree.root / PRIVATE).symlink_to(victim)
    tree.put("a.jpg", OUTPUTS, BLOBS)
    assert (tree.root / "grayscale/a.jpg").read_bytes() == b"gray"


# --- rights of copies ----


@pytest.mark.parametrize("mode", [0o400, 0o600, 0o640, 0o644, 0o755])
def test_the_copy_of_an_image_gives_nobody_more_rights_than_the_image(tree, tmp_path, mode):
    (tmp_path / "a.jpg").write_bytes(b"picture")
    (tmp_path / "a.jpg").chmod(mode)
    before = os.umask(0)
    try:
        with FileBlob(os.open(tmp_path / "a.jpg", os.O_RDONLY)) as image:
            tree.write_failed("a.jpg", "No.", image)
    finally:
        os.umask(before)
    assert (tree.root / "failed/a.jpg").stat().st_mode & 0o777 == mode & 0o666
    assert (tree.root / "failed/a.jpg").read_bytes() == b"picture"


@only_root
def test_the_group_of_a_copy_is_that_of_the_image_or_has_no_right(tree, tmp_path, rights):
    user = os.geteuid()
    (tmp_path / "a.jpg").write_bytes(b"picture")
    os.seteuid(0)
    os.chown(tmp_path / "a.jpg", -1, STRANGER)
    (tmp_path / "a.jpg").chmod(0o664)
    os.seteuid(user)
    with FileBlob(os.open(tmp_path / "a.jpg", os.O_RDONLY)) as image:
        tree.write_failed("a.jpg", "No.", image)
    copy = (tree.root / "failed/a.jpg").stat()
    assert (copy.st_gid, copy.st_mode & 0o777) in ((STRANGER, 0o644), (user, 0o644))


def test_the_copy_of_a_sparse_file_is_sparse(tree, tmp_path):
    with (tmp_path / "a.tif").open("wb") as file:
        file.seek(64 << 20)
        file.write(b"end")
        file.truncate(200 << 20)
    with FileBlob(os.open(tmp_path / "a.tif", os.O_RDONLY)) as image:
        tree.write_failed("a.tif", "No.", image)
    copy = tree.root / "failed/a.tif"
    assert copy.stat().st_size == 200 << 20
    with copy.open("rb") as file:
        file.seek(64 << 20)
        assert file.read(4) == b"end\0"
    assert copy.stat().st_blocks * 512 <= (tmp_path / "a.tif").stat().st_blocks * 512 + (1 << 20)
