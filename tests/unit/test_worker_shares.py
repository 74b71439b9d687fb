"""A worker that is asked for images in a share: by its listener, and by somebody who wants something else."""

from __future__ import annotations

import os
import stat

import pytest

from filterfleet.common.opening import open_file
from filterfleet.common.shares.names import Share
from filterfleet.common.shares.reference import read, seal
from filterfleet.common.shares.room import make_room, make_secret, secret_of
from filterfleet.common.wire import Failed
from filterfleet.worker import shares as worker_shares
from filterfleet.worker.attempt import attempt
from filterfleet.worker.done import Done
from filterfleet.worker.resources import default
from filterfleet.worker.shares import ByValue, Shares
from tests.unit.rights_rig import NOBODY, acting_as
from tests.unit.share_rig import PHOTO, RECIPE, Ends

only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another user")


@pytest.fixture
def ends(tmp_path):
    ends = Ends(tmp_path)
    yield ends
    ends.exchange.close()


def test_an_image_is_read_from_the_share_and_its_outputs_are_left_there(ends):
    reference = ends.refer(ends.put())
    done = ends.work(reference)
    assert isinstance(done, Done)
    assert done.blobs == ()
    expected = attempt(b"", RECIPE.to_bytes(), PHOTO, default())
    assert done.outputs == expected.outputs
    assert [stat.S_IMODE(file.stat().st_mode) for file in ends.scratch.iterdir()] == [0o600, 0o600]
    assert ends.collect(reference, done) == [*expected.blobs]


def test_a_large_image_is_worked_on_where_nobody_changes_it(ends, monkeypatch):
    monkeypatch.setattr(worker_shares, "INLINE_LIMIT", 100)
    reference = ends.refer(ends.put())
    assert len(ends.collect(reference, ends.work(reference))) == 2


def test_an_image_that_fails_fails_as_it_does_by_value(ends):
    outcome = ends.work(ends.refer(ends.put(content=b"no image")))
    assert isinstance(outcome, Failed)
    assert outcome == attempt(b"lease", RECIPE.to_bytes(), b"no image", default())


def test_outputs_that_cannot_be_left_go_by_value(ends):
    reference = ends.refer(ends.put())
    ends.scratch.rmdir()
    done = ends.work(reference)
    assert isinstance(done, Done)
    assert done.left == b""
    assert len(done.blobs) == 2


def test_a_disk_that_is_full_costs_only_the_short_cut(ends, monkeypatch):
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    reference = ends.refer(ends.put())
    monkeypatch.setattr(os, "write", full)
    assert len(ends.work(reference).blobs) == 2


# --- attacks ----


@pytest.mark.parametrize("path", [b"/etc/passwd", b"../x", b"photos/../../x", b"..", b"", b"photos/./a.png", b"x\0y"])
def test_a_path_out_of_the_share_is_refused_even_to_one_who_has_the_secret(ends, tmp_path, path):
    (tmp_path / "x").write_bytes(PHOTO)
    check_refused(ends, ends.forge(ends.refer(ends.put()), path=path), "leads out of the share")


@pytest.mark.parametrize("target", ["/etc/passwd", "../../x", "a.png"])
def test_no_link_is_followed(ends, tmp_path, target):
    (tmp_path / "x").write_bytes(PHOTO)
    known = ends.refer(ends.put("a.png"))
    (ends.photos / "link.png").symlink_to(target)
    check_refused(ends, ends.forge(known, path=b"photos/link.png"), "link")


def test_no_link_to_a_folder_is_followed(ends, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "a.png").write_bytes(PHOTO)
    known = ends.refer(ends.put("a.png"))
    (ends.photos / "trip").symlink_to(tmp_path / "elsewhere")
    check_refused(ends, ends.forge(known, path=b"photos/trip/a.png"), "link")


@pytest.mark.timeout(60)
def test_a_named_pipe_or_a_folder_is_not_opened(ends):
    known = ends.refer(ends.put("a.png"))
    os.mkfifo(ends.photos / "pipe.png")
    check_refused(ends, ends.forge(known, path=b"photos/pipe.png"), "named pipe")
    check_refused(ends, ends.forge(known, path=b"photos"), "Is a directory")


@pytest.mark.timeout(60)
@only_root
def test_a_device_is_not_opened(ends):
    known = ends.refer(ends.put("a.png"))
    os.mknod(ends.photos / "zero.png", stat.S_IFCHR | 0o666, os.makedev(1, 5))
    check_refused(ends, ends.forge(known, path=b"photos/zero.png"), "device")


def test_a_reference_that_was_not_made_with_the_secret_is_refused(ends):
    reference = ends.refer(ends.put())
    check_refused(ends, seal(read(reference), bytes(32)), "somebody who sees the share")
    check_refused(ends, reference[:-1] + bytes([reference[-1] ^ 1]), "somebody who sees the share")
    check_refused(ends, b"", "cannot be read")


def test_a_share_that_the_worker_does_not_have_is_refused(ends):
    reference = ends.refer(ends.put())
    check_refused(ends, ends.forge(reference, share="other"), "does not have the share")
    ends.shares = Shares([])
    check_refused(ends, reference, "does not have the share")


def test_another_folder_under_the_same_name_is_another_share(ends, tmp_path):
    """It has the same image under the same path, as a copy of a disk has."""
    reference = ends.refer(ends.put())
    twin = Share("lab", str(tmp_path / "twin"))
    (tmp_path / "twin").mkdir()
    make_room(twin)
    ends.shares = Shares([twin])
    check_refused(ends, reference, "cannot be read from the share")
    make_secret(twin)
    check_refused(ends, reference, "somebody who sees the share")


def test_a_file_that_has_changed_is_not_the_one_of_the_task(ends):
    file = ends.put()
    reference = ends.refer(file)
    os.utime(file, ns=(0, 1))
    check_refused(ends, reference, "another version")


def test_a_file_in_the_place_of_another_is_not_the_one_of_the_task(ends):
    file = ends.put()
    reference, before = ends.refer(file), file.stat()
    file.unlink()
    ends.put("placeholder.png")  # takes the inode, if any
    file.write_bytes(PHOTO)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    check_refused(ends, reference, "another version")


def test_other_content_with_the_old_size_and_times_is_noticed(ends):
    file = ends.put()
    reference, before = ends.refer(file), file.stat()
    with file.open("r+b") as opened:
        opened.write(b"x")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    check_refused(ends, reference, "another content")


@pytest.mark.parametrize("limit", [100, 1 << 20])
def test_a_file_that_changes_while_it_is_read_is_noticed(ends, monkeypatch, limit):
    file = ends.put()
    reference, original = ends.refer(file), worker_shares._copy

    def writing(source, known):
        with file.open("r+b") as opened:
            opened.seek(len(PHOTO) // 2)
            opened.write(b"changed")
        return original(source, known)

    monkeypatch.setattr(worker_shares, "_copy", writing)
    monkeypatch.setattr(worker_shares, "INLINE_LIMIT", limit)
    check_refused(ends, reference, "another")


@pytest.mark.parametrize("limit", [100, 1 << 20])
def test_a_file_that_is_cut_off_while_it_is_read_is_noticed(ends, monkeypatch, limit):
    file = ends.put()
    reference, original = ends.refer(file), worker_shares._copy

    def cutting(source, known):
        os.truncate(file, 10)
        return original(source, known)

    monkeypatch.setattr(worker_shares, "_copy", cutting)
    monkeypatch.setattr(worker_shares, "INLINE_LIMIT", limit)
    check_refused(ends, reference, "")


@only_root
def test_a_worker_of_another_user_gets_its_images_by_value(ends):
    reference = ends.refer(ends.put())
    for folder in (ends.root, *ends.root.parents):
        if folder.is_relative_to("/tmp") and folder != type(folder)("/tmp"):
            folder.chmod(0o755)
    with acting_as(NOBODY):
        outcome = ends.work(reference)
    assert isinstance(outcome, ByValue)
    assert "Permission denied" in outcome.reason or "ours alone" in outcome.reason


def test_a_room_that_others_can_enter_has_no_secrets(ends):
    (ends.root / "lab" / ".filterfleet" / "share").chmod(0o755)
    with pytest.raises(OSError, match="not ours alone"):
        secret_of(ends.share)


def test_the_secret_may_be_made_again(ends):
    """As after somebody has emptied the room: the worker learns it without being started again."""
    reference = ends.refer(ends.put())
    assert isinstance(ends.work(reference), Done)
    (ends.scratch.parent / "key").unlink()
    make_secret(ends.share)
    assert isinstance(ends.work(seal(read(reference), secret_of(ends.share))), Done)


def check_refused(ends, reference, why):
    """Refused, told, nothing leaked: no output anywhere, and no descriptor left open."""
    before, left = len(os.listdir("/proc/self/fd")), set(ends.scratch.iterdir())
    outcome = ends.work(reference)
    assert isinstance(outcome, ByValue)
    assert why in outcome.reason
    assert outcome.reason.endswith(".")
    assert set(ends.scratch.iterdir()) == left
    assert len(os.listdir("/proc/self/fd")) == before


# --- planted bugs, and the attacks that find them ----


def follow_links(name, *, folder, links):
    del links
    return open_file(name, folder=folder)


def believe(*_):
    return True


def overlook(*_):
    pass


@pytest.mark.parametrize(
    ("name", "bug", "attack"),
    [
        ("open_file", follow_links, lambda ends, folder: test_no_link_is_followed(ends, folder, "../../x")),
        ("is_sealed", believe, lambda ends, _: test_a_reference_that_was_not_made_with_the_secret_is_refused(ends)),
        ("_check", overlook, lambda ends, _: test_a_file_that_has_changed_is_not_the_one_of_the_task(ends)),
        ("_check_content", overlook, lambda ends, _: test_other_content_with_the_old_size_and_times_is_noticed(ends)),
    ],
)
def test_a_planted_bug_is_found(ends, tmp_path, monkeypatch, name, bug, attack):
    monkeypatch.setattr(worker_shares, name, bug)
    with pytest.raises(AssertionError):
        attack(ends, tmp_path)
