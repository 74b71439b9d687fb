"""Keys, lists, links and folders that another user of the machine can change are refused, under any user."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from filterfleet.common.errors import FleetError
from filterfleet.common.keys.folders import Role, allow_list, broker_pair, peer_keys
from filterfleet.common.keys.making import add_machine, make_broker_folder
from tests.unit.rights_rig import acting_as

ROOT, SOMEBODY, STRANGER = 0, 40_001, 40_002  # users; nobody needs to have such an id

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to other users")


@pytest.fixture(params=[ROOT, SOMEBODY], ids=["root", "somebody"])
def me(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture
def home(me: int) -> Iterator[Path]:
    """A folder of mine with a key folder `keys`, and below it one for the machine `desk`."""
    home = Path(tempfile.mkdtemp(dir="/tmp"))  # pytest's own folders are root's alone
    os.chown(home, me, me)
    home.chmod(0o755)
    with acting_as(me):
        make_broker_folder(home / "keys")
        add_machine(home / "keys", Role.WORKER, "desk")
    yield home
    shutil.rmtree(home)


def listed(home: Path, me: int) -> tuple[list[str], str]:
    """The names of workers that are let in, and the problems with the others."""
    with acting_as(me):
        found = allow_list(home / "keys", Role.WORKER)
    return sorted(found.names.values()), "\n".join(found.problems)


def read_all(home: Path, me: int) -> None:
    with acting_as(me):
        broker_pair(home / "keys")
        for role in Role:
            peer_keys(home / "keys", role)
            allow_list(home / "keys", role)


def planted(home: Path) -> Path:
    """A stranger's key, where the stranger can write."""
    make_broker_folder(home / "theirs")
    for path in [home / "theirs", *(home / "theirs").rglob("*")]:
        os.chown(path, STRANGER, STRANGER)
    return home / "theirs/workers/local.key"


def test_what_is_mine_alone_is_taken(home: Path, me: int):
    read_all(home, me)
    assert listed(home, me) == (["desk", "local"], "")


def test_a_stranger_cannot_be_listed_by_a_file_of_their_own(home: Path, me: int):
    shutil.copy(planted(home), home / "keys/workers/evil.key")
    os.chown(home / "keys/workers/evil.key", STRANGER, STRANGER)
    names, problems = listed(home, me)
    assert names == ["desk", "local"]
    assert f"evil.key belongs to the user {STRANGER}" in problems
    assert f"chown {'root' if me == ROOT else me} " in problems


@pytest.mark.parametrize("mode", [0o666, 0o664, 0o646])
def test_a_file_of_a_list_that_others_can_write_to_lets_nobody_in(home: Path, me: int, mode: int):
    (home / "keys/workers/desk.key").chmod(mode)
    names, problems = listed(home, me)
    assert names == ["local"]
    assert f"(mode {mode:04o})" in problems
    assert f"chmod go-w {home}/keys/workers/desk.key" in problems


def test_a_link_counts_for_as_much_as_what_it_leads_to(home: Path, me: int):
    theirs = planted(home)
    (home / "keys/workers/a.key").symlink_to(theirs)
    (home / "keys/workers/b.key").symlink_to("../machines/desk/broker.key")
    os.lchown(home / "keys/workers/b.key", STRANGER, STRANGER)
    (home / "keys/workers/c.key").symlink_to("c.key")
    names, problems = listed(home, me)
    assert names == ["desk", "local"]
    assert f"{home}/theirs belongs to" in problems
    assert f"chown -h {'root' if me == ROOT else me} {home}/keys/workers/b.key" in problems
    assert "c.key cannot be used: Too many levels" in problems


def test_my_own_links_may_lead_to_my_files(home: Path, me: int):
    """As Kubernetes mounts secrets: a folder with the sticky bit, and links by way of a folder of the day."""
    shutil.move(home / "keys", home / "today")
    (home / "keys").mkdir()
    (home / "keys").chmod(0o1777)
    (home / "keys/..data").symlink_to(home / "today")
    for name in ("broker.key", "broker.key_secret", "worker.key_secret", "client.key_secret", "workers", "clients"):
        (home / "keys" / name).symlink_to(f"..data/{name}")
    for path in home.rglob("*"):
        os.lchown(path, me, me)
    read_all(home, me)
    assert listed(home, me) == (["desk", "local"], "")


def give_away(path: Path) -> None:
    os.chown(path, STRANGER, STRANGER)


def open_up(path: Path) -> None:
    path.chmod(path.stat().st_mode | 0o022)


def make_sticky(path: Path) -> None:
    path.chmod(0o1777)


SPOILED = [
    (".", give_away, "chown"),
    (".", open_up, "chmod go-w"),
    ("keys", give_away, "chown"),
    ("keys", open_up, "chmod go-w"),
    ("keys/workers", give_away, "chown"),
    ("keys/workers", open_up, "chmod go-w"),
    ("keys/workers", make_sticky, "chmod go-w"),
    ("keys/broker.key", give_away, "chown"),
    ("keys/broker.key", open_up, "chmod go-w"),
]


@pytest.mark.parametrize(("place", "spoil", "remedy"), SPOILED)
def test_nothing_on_the_way_may_be_anothers(
    home: Path, me: int, place: str, spoil: Callable[[Path], None], remedy: str
):
    spoil(home / place)
    with pytest.raises(FleetError) as refused:
        read_all(home, me)
    assert remedy in str(refused.value)
    assert str(refused.value).endswith(f"{(home / place).resolve()}.")


def test_a_secret_of_another_user_is_refused(home: Path, me: int):
    secret = home / "keys/worker.key_secret"
    os.chown(secret, STRANGER, me)
    secret.chmod(0o640)
    with acting_as(me), pytest.raises(FleetError, match=f"belongs to the user {STRANGER}"):
        peer_keys(home / "keys", Role.WORKER)


@pytest.mark.parametrize(("mode", "allowed"), [(0o440, True), (0o640, True), (0o644, False), (0o660, False)])
def test_root_may_hand_a_secret_to_the_group_of_a_process(home: Path, mode: int, allowed: bool):
    """As Kubernetes and Docker do with secrets for a process that is not root's."""
    secret = home / "keys/broker.key_secret"
    os.chown(secret, ROOT, SOMEBODY)
    secret.chmod(mode)
    with acting_as(SOMEBODY):
        if allowed:
            assert broker_pair(home / "keys")
        else:
            with pytest.raises(FleetError, match=r"is open to others .* chmod 600"):
                broker_pair(home / "keys")


def test_what_is_no_file_is_not_waited_for(home: Path, me: int):
    os.mkfifo(home / "keys/workers/pipe.key", 0o600)
    (home / "keys/workers/folder.key").mkdir()
    for name in ("pipe.key", "folder.key"):
        os.chown(home / "keys/workers" / name, me, me)
    names, problems = listed(home, me)
    assert names == ["desk", "local"]
    assert "pipe.key cannot be used: it is not a file but a named pipe." in problems
    assert "folder.key cannot be used: Is a directory." in problems


def test_new_folders_are_taken_whatever_the_umask_is(home: Path, me: int):
    before = os.umask(0)
    try:
        with acting_as(me):
            make_broker_folder(home / "a/b/keys")
            assert allow_list(home / "a/b/keys", Role.CLIENT).names
    finally:
        os.umask(before)
