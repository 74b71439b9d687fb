"""A source folder that others write into: links, other users' files, folders that cannot be read, odd times."""

from __future__ import annotations

import os

import pytest

from filterfleet.listener.core.scan import Version
from filterfleet.listener.interfaces import ChangedError, TransferError
from filterfleet.listener.local import source
from filterfleet.listener.local.inside import version_of
from filterfleet.listener.local.source import Folder
from filterfleet.listener.settings.aftermath import Delete, MoveTo
from filterfleet.listener.settings.selection import Selection
from tests.unit.test_folder import LIMIT, put

pytestmark = pytest.mark.usefixtures("rights")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "in").mkdir()
    return Folder(tmp_path / "in")


@pytest.fixture
def elsewhere(tmp_path):
    """A folder with a file of the listener's that nobody who writes into the source may read."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/secret.jpg").write_bytes(b"secret")
    return tmp_path / "elsewhere"


@pytest.fixture
def logged(monkeypatch):
    lines = []
    for level in ("warning", "error"):
        monkeypatch.setattr(source.log, level, lambda event, **fields: lines.append((event, fields)))
    return lines


@pytest.fixture
def locked():
    """Takes all rights to files and folders away until the end of the test. Root has all the same."""
    taken = []

    def lock(path):
        taken.append((path, path.stat().st_mode))
        path.chmod(0)

    yield lock
    for path, mode in taken:
        path.chmod(mode)


def only_nobody(rights):
    if rights == "root":
        pytest.skip("root reads everything")


# --- links ----


def test_links_that_lead_out_are_left_out_and_told_once(folder, elsewhere, logged):
    version = put(folder, "a.jpg")
    for name, target in (("1.jpg", elsewhere / "secret.jpg"), ("2.jpg", "../elsewhere/secret.jpg"), ("3.jpg", "1.jpg")):
        (folder.root / name).symlink_to(target)
    (folder.root / "notes.txt").symlink_to(elsewhere / "secret.jpg")
    for _ in range(3):
        assert folder.list().objects == {"a.jpg": version}
        assert folder.look(["a.jpg", "1.jpg", "2.jpg", "3.jpg"]) == {"a.jpg": version}
    ((event, fields),) = logged
    assert event == "links that lead out of the source are left out"
    assert "--follow-links" in fields["advice"]
    assert fields["links"] == 3


def test_links_that_nobody_wants_are_not_mentioned(tmp_path, folder, elsewhere, logged):
    for name in ("drafts/a.jpg", "notes.txt", ".hidden.jpg"):
        (folder.root / name).parent.mkdir(exist_ok=True)
        (folder.root / name).symlink_to(elsewhere / "secret.jpg")
    assert Folder(folder.root, Selection(exclude=("drafts/",))).list().objects == {}
    assert logged == []


def test_links_that_lead_out_are_followed_when_the_user_says_so(folder, elsewhere, logged):
    (folder.root / "a.jpg").symlink_to(elsewhere / "secret.jpg")
    following = Folder(folder.root, links=True)
    (version,) = following.list().objects.values()
    assert following.load("a.jpg", version, LIMIT).blob == b"secret"
    assert following.look(["a.jpg"]) == {"a.jpg": version}
    assert logged == []


def test_links_within_the_source_are_files_like_others_and_so_are_hard_links(folder):
    put(folder, "trip/a.jpg")
    (folder.root / "link.jpg").symlink_to("trip/a.jpg")
    (folder.root / "absolute.jpg").symlink_to(folder.root / "trip/a.jpg")
    os.link(folder.root / "trip/a.jpg", folder.root / "hard.jpg")
    listed = folder.list().objects
    version = version_of((folder.root / "hard.jpg").stat())
    assert listed == dict.fromkeys(("trip/a.jpg", "link.jpg", "absolute.jpg", "hard.jpg"), version)
    for path in listed:
        assert folder.load(path, version, LIMIT).blob == b"picture"


@pytest.mark.parametrize(
    "swap",
    [
        lambda root, elsewhere: [(root / "trip/a.jpg").unlink(), (root / "trip/a.jpg").symlink_to(elsewhere / "a.jpg")],
        lambda root, elsewhere: [(root / "trip").rename(root / "old"), (root / "trip").symlink_to(elsewhere)],
        lambda root, _: [(root / "trip/a.jpg").unlink(), os.mkfifo(root / "trip/a.jpg")],
        lambda root, _: [(root / "trip/a.jpg").unlink(), (root / "trip/a.jpg").mkdir()],
        lambda root, _: [(root / "trip/a.jpg").unlink(), (root / "trip/a.jpg").symlink_to("/dev/zero")],
    ],
    ids=["link", "folder", "pipe", "directory", "device"],
)
@pytest.mark.parametrize("after", [Delete(), MoveTo("done")])
def test_what_takes_the_place_of_a_listed_file_is_neither_read_nor_taken_away(folder, elsewhere, swap, after):
    version = put(folder, "trip/a.jpg")
    (elsewhere / "a.jpg").write_bytes(b"picture")
    os.utime(elsewhere / "a.jpg", ns=(version.mtime_ns, version.mtime_ns))
    leaving = Folder(folder.root, after=after)
    assert leaving.list().objects == {"trip/a.jpg": version}
    swap(folder.root, elsewhere)
    for act in (lambda: leaving.load("trip/a.jpg", version, LIMIT), lambda: leaving.take_away("trip/a.jpg", version)):
        with pytest.raises(ChangedError):
            act()
    assert leaving.list().objects.keys() <= {"old/a.jpg"}
    assert (elsewhere / "a.jpg").read_bytes() == b"picture"


def test_no_image_moves_out_of_the_source_through_a_link(folder, elsewhere):
    version = put(folder, "trip/a.jpg")
    (folder.root / "done").symlink_to(elsewhere)
    with pytest.raises(ChangedError):
        Folder(folder.root, after=MoveTo("done")).take_away("trip/a.jpg", version)
    assert os.listdir(elsewhere) == ["secret.jpg"]
    assert (folder.root / "trip/a.jpg").exists()


# --- rights ----


def test_a_file_that_cannot_be_read_is_in_trouble_alone(folder, locked, rights):
    only_nobody(rights)
    put(folder, "a.jpg")
    locked(folder.root / "a.jpg")
    ((path, version),) = folder.list().objects.items()
    assert path == "a.jpg"
    with pytest.raises(TransferError, match=r"^The file cannot be read: Permission denied\.$") as raised:
        folder.load("a.jpg", version, LIMIT)
    assert (raised.value.transient, raised.value.alone) == (True, True)


@pytest.mark.parametrize(("error", "alone"), [(5, True), (13, True), (107, False), (116, False), (24, False)])
def test_an_outage_of_the_source_is_not_the_trouble_of_one_file(folder, monkeypatch, error, alone):
    version = put(folder, "a.jpg")

    def fail(*_):
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(folder._inside, "open", fail)
    with pytest.raises(TransferError) as raised:
        folder.load("a.jpg", version, LIMIT)
    assert raised.value.alone is alone
    (folder.root / "a.jpg").unlink()
    folder.root.rmdir()
    with pytest.raises(TransferError) as raised:
        folder.load("a.jpg", version, LIMIT)
    assert not raised.value.alone, "the whole source cannot be read"


def test_a_folder_that_cannot_be_read_leaves_out_what_is_in_it(folder, locked, rights):
    only_nobody(rights)
    version = put(folder, "a.jpg")
    put(folder, "lost+found/b.jpg")
    locked(folder.root / "lost+found")
    listing = folder.list()
    assert listing.objects == {"a.jpg": version}
    assert listing.unread == {"lost+found/": "The folder cannot be read: Permission denied."}


@pytest.mark.parametrize("instead", [lambda _: None, lambda path: path.touch(), lambda path: path.symlink_to("..")])
def test_a_folder_that_goes_while_the_source_is_listed_is_no_trouble(folder, monkeypatch, instead):
    version = put(folder, "a.jpg")
    put(folder, "trip/b.jpg")
    into = folder._inside.folder

    def gone(path, **how):
        if path == "trip/":
            (folder.root / "trip/b.jpg").unlink()
            (folder.root / "trip").rmdir()
            instead(folder.root / "trip")
        return into(path, **how)

    monkeypatch.setattr(folder._inside, "folder", gone)
    listing = folder.list()
    assert (listing.objects, listing.unread) == ({"a.jpg": version}, {})


@pytest.mark.parametrize(
    ("selection", "after", "ignored"),
    [
        (Selection(exclude=("lost+found/",)), Delete(), ""),
        (Selection(exclude=("*.tif", "lost*")), Delete(), ""),
        (Selection(), Delete(), "/lost+found/\n"),
        (Selection(), MoveTo("lost+found"), ""),
    ],
)
def test_an_excluded_folder_is_not_opened(folder, locked, rights, selection, after, ignored):
    only_nobody(rights)
    put(folder, "lost+found/deep/b.jpg")
    put(folder, ".filterfleetignore", ignored.encode())
    locked(folder.root / "lost+found")
    assert Folder(folder.root, selection, after).list().unread == {}


def test_a_file_in_an_excluded_folder_that_is_taken_back_is_found(folder):
    version = put(folder, "drafts/final.jpg")
    put(folder, "drafts/a.jpg")
    selection = Selection(exclude=("drafts/", "!drafts/final.jpg"))
    assert Folder(folder.root, selection).list().objects == {"drafts/final.jpg": version}


def test_a_file_that_cannot_be_looked_at_leaves_the_rest_of_its_folder_alone(folder, monkeypatch):
    version = put(folder, "a.jpg")
    put(folder, "bad.jpg")
    image = folder._image

    def fail(path, found):
        if path == "bad.jpg":
            raise OSError(5, os.strerror(5))
        return image(path, found)

    monkeypatch.setattr(folder, "_image", fail)
    listing = folder.list()
    assert listing.objects == {"a.jpg": version}
    assert listing.unread == {"bad.jpg": "The file cannot be looked at: Input/output error."}


# --- the ignore file ----


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda file, _: os.mkfifo(file), "it is not a file but a named pipe"),
        (lambda file, _: file.mkdir(), "Is a directory"),
        (lambda file, _: file.symlink_to("/dev/zero"), ".filterfleetignore is a link"),
        (lambda file, elsewhere: file.symlink_to(elsewhere / "secret.jpg"), ".filterfleetignore is a link"),
    ],
    ids=["pipe", "folder", "device", "link"],
)
def test_an_ignore_file_that_is_none_is_told_once_and_the_last_one_stays_in_force(
    folder, elsewhere, logged, make, reason
):
    version = put(folder, "a.jpg")
    put(folder, "drafts/b.jpg")
    put(folder, ".filterfleetignore", b"drafts/\n")
    assert folder.list().objects == {"a.jpg": version}
    (folder.root / ".filterfleetignore").unlink()
    make(folder.root / ".filterfleetignore", elsewhere)
    for _ in range(3):
        assert folder.list().objects == {"a.jpg": version}
    assert logged == [
        ("the ignore file cannot be read", {"file": ".filterfleetignore", "reason": reason}),
    ]


def test_an_ignore_file_may_be_a_link_within_the_source(folder):
    put(folder, "drafts/b.jpg")
    put(folder, "rules.txt", b"drafts/\n")
    (folder.root / ".filterfleetignore").symlink_to("rules.txt")
    assert folder.list().objects == {}


# --- times ----


@pytest.mark.parametrize("seconds", [10_413_792_000, 253_402_300_799, -11_644_473_600, -1, 0, 1 << 33])
def test_a_file_of_any_time_is_listed_and_loaded(folder, seconds):
    put(folder, "a.jpg")
    os.utime(folder.root / "a.jpg", (seconds, seconds))
    (version,) = folder.list().objects.values()
    assert folder.load("a.jpg", version, LIMIT).blob == b"picture"
    found = (folder.root / "a.jpg").stat()  # the file system may have changed it
    assert version == version_of(found)
    assert Version(found.st_size, found.st_mtime_ns).resembles(version)
