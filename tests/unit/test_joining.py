"""Invitations, revoked keys and the list of them."""

from __future__ import annotations

import itertools
import json
import os
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from filterfleet.app import app
from filterfleet.common.errors import FleetError
from filterfleet.common.keys.folders import Role, allow_list, fingerprint, peer_keys
from filterfleet.common.keys.invitation import accept, read
from filterfleet.common.keys.making import add_machine, make_broker_folder, strike_off
from filterfleet.listener.settings.location import Remote
from filterfleet.listener.state import output_lock, state_folders


def run(*words: object) -> tuple[int, str]:
    done = CliRunner().invoke(app, [str(word) for word in words])
    return done.exit_code, str(done.exception or "") + done.output


@pytest.fixture
def hub(tmp_path: Path) -> Path:
    folder = tmp_path / "hub"
    make_broker_folder(folder)
    return folder


@pytest.fixture
def invitation(hub: Path) -> Path:
    """For a machine that works and submits."""
    code, said = run(
        "keys", hub, "--worker", "desk", "--client", "desk", "--broker", "10.0.0.1", "--backend-port", 7000
    )
    assert code == 0, said
    return hub / "machines" / "desk.join"


def test_a_machine_joins_with_one_file(hub: Path, invitation: Path, tmp_path: Path):
    assert invitation.stat().st_mode & 0o777 == 0o600
    assert not (hub / "machines" / "desk").exists(), "there is one copy of its secrets"
    code, said = run("join", invitation, "--keys", tmp_path / "desk")
    assert code == 0
    assert f"filterfleet worker --broker 10.0.0.1 --keys {tmp_path / 'desk'} --backend-port 7000" in said
    for role in Role:
        own = peer_keys(tmp_path / "desk", role).own
        assert allow_list(hub, role).names[own.public] == "desk"
        assert (tmp_path / "desk" / role.secret_name).stat().st_mode & 0o777 == 0o600
        assert own.secret.decode() not in said
    assert run("join", invitation, "--keys", tmp_path / "desk")[0] == 0, "a second time changes nothing"


def test_a_machine_of_another_fleet_keeps_its_keys(invitation: Path, tmp_path: Path):
    other = tmp_path / "other"
    make_broker_folder(other)
    secret = (other / "worker.key_secret").read_text()
    with pytest.raises(FleetError, match="has the keys of a broker"):  # which nobody should move away
        accept(read(invitation), other)
    (other / "broker.key_secret").unlink()
    with pytest.raises(FleetError, match="joined a fleet before"):
        accept(read(invitation), other)
    assert (other / "worker.key_secret").read_text() == secret


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda text: "", "is no invitation"),
        (lambda text: "not TOML", "is no invitation"),
        (lambda text: text.replace("format = 1", "format = 2"), "newer version"),
        (lambda text: text.replace("7000", "70000"), "is no invitation"),
        (lambda text: text.replace('"broker.key"', '"../../broker.key"'), "is no invitation"),
        (lambda text: text.replace('"worker.key_secret"', '"/etc/passwd"'), "is no invitation"),
        (lambda text: text[: text.index("[keys]")], "is no invitation"),
        (lambda text: text[: text.index('"worker.key_secret"')], "or a damaged one: copy it here once more"),
        (lambda text: text.replace('public-key = \\"', 'public-key = \\"~', 1), "is no invitation"),
        (lambda text: text[: text.index("[keys]")] + "keys = 5\n", "is no invitation"),
        (lambda text: text.replace("7000", "7" * 5000), "is no invitation"),
    ],
)
def test_files_that_are_no_invitations(invitation: Path, tmp_path: Path, change, sentence):
    invitation.write_text(change(invitation.read_text()))
    with pytest.raises(FleetError, match=sentence):
        read(invitation)
    assert run("join", invitation, "--keys", tmp_path / "desk")[0] != 0
    assert not (tmp_path / "desk").exists(), "the next one can be accepted"


def test_an_invitation_to_nowhere_is_refused_before_its_keys_are_kept(invitation: Path, tmp_path: Path):
    invitation.write_text(invitation.read_text().replace("10.0.0.1", "no host"))
    code, said = run("join", invitation, "--keys", tmp_path / "desk")
    assert code != 0
    assert "names no broker: 'no host' is no name or address" in said
    assert not (tmp_path / "desk").exists()


def test_a_user_without_a_home_is_asked_for_folders(invitation: Path, monkeypatch: pytest.MonkeyPatch):
    def unknown(_uid: int) -> None:
        raise KeyError

    for name in ("HOME", "STATE_DIRECTORY", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", unknown)
    code, said = run("join", invitation)
    assert (code, said) == (1, "This user has no home folder: say with --keys where the keys go.")
    with pytest.raises(FleetError, match="set XDG_STATE_HOME"):
        output_lock(Remote("s3", "out"))
    assert state_folders() == []


def test_an_invitation_that_others_could_have_read_is_refused(invitation: Path):
    invitation.chmod(0o644)
    with pytest.raises(FleetError, match="open to others"):
        read(invitation)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to other users")
def test_an_invitation_in_the_home_of_another_user_is_taken(invitation: Path, tmp_path: Path):
    """`sudo filterfleet join desk.join`, where somebody has copied it as themselves."""
    home = tmp_path / "ann"
    home.mkdir()
    theirs = shutil.copy(invitation, home)
    for path in (home, theirs):
        os.chown(path, 40_001, 40_001)
    assert run("join", theirs, "--keys", tmp_path / "desk")[0] == 0
    assert peer_keys(tmp_path / "desk", Role.WORKER)


def test_a_machine_has_all_of_an_invitation_or_nothing(hub: Path, invitation: Path, tmp_path: Path):
    desk = tmp_path / "desk"
    desk.mkdir()
    shutil.copy(hub / "client.key_secret", desk)
    code, said = run("join", invitation, "--keys", desk)
    assert code != 0
    assert "joined a fleet before" in said
    assert [file.name for file in desk.iterdir()] == ["client.key_secret"]


def test_brokers_are_written_as_commands_and_units_take_them(hub: Path, tmp_path: Path):
    run("keys", hub, "--worker", "shed", "--broker", "10.0.0.1, Hub")
    code, said = run("join", hub / "machines/shed.join", "--keys", tmp_path / "with space")
    assert code == 0
    assert f"filterfleet worker --broker 10.0.0.1,hub --keys '{tmp_path}/with space'\n" in said


def test_a_wrong_name_among_others_makes_no_key(hub: Path):
    code, said = run("keys", hub, "--worker", "shed", "--worker", "at tic", "--broker", "10.0.0.1")
    assert code != 0
    assert "'at tic' cannot be the name of a machine" in said
    assert sorted(allow_list(hub, Role.WORKER).names.values()) == ["local"]
    assert run("keys", hub, "--worker", "shed", "--worker", "shed", "--broker", "10.0.0.1")[0] == 0
    code, said = run("keys", hub, "--worker", "shed")
    assert code != 0
    assert f"`filterfleet revoke shed --keys {hub} --role worker`" in said
    assert run("revoke", "shed", "--keys", hub, "--role", "worker")[0] == 0
    assert run("keys", hub, "--worker", "shed")[0] == 0
    (hub / "workers/shed.key").unlink()
    assert run("revoke", "shed", "--keys", hub)[0] == 0, "what was struck off by hand and not handed out"
    assert not (hub / "machines/shed/worker.key_secret").exists()


def test_a_folder_that_is_not_a_broker_s_has_nothing_to_revoke(tmp_path: Path):
    code, said = run("revoke", "desk", "--keys", tmp_path)
    assert code != 0
    assert "--keys takes a folder that `filterfleet keys` has made" in said


def test_a_machine_that_was_asked_twice_keeps_its_first_invitation(hub: Path, invitation: Path):
    before = invitation.read_text()
    (hub / "clients" / "desk.key").unlink()
    code, said = run("keys", hub, "--client", "desk", "--broker", "10.0.0.1")
    assert code != 0
    assert "is there already" in said
    assert invitation.read_text() == before


def test_revoked_keys_leave_the_lists_and_what_was_to_be_handed_out(hub: Path, invitation: Path):
    add_machine(hub, Role.WORKER, "attic")
    assert run("revoke", "desk", "--keys", hub, "--role", "client")[0] == 0
    assert sorted(allow_list(hub, Role.CLIENT).names.values()) == ["local"]
    assert sorted(allow_list(hub, Role.WORKER).names.values()) == ["attic", "desk", "local"]
    assert not invitation.exists()
    assert run("revoke", "attic", "--keys", hub)[0] == 0
    assert not (hub / "machines" / "attic" / "worker.key_secret").exists()
    code, said = run("revoke", "nobody", "--keys", hub)
    assert code != 0
    assert "No machine is called 'nobody'" in said
    code, said = run("revoke", "../local", "--keys", hub)
    assert code != 0
    assert (hub / "workers" / "local.key").exists()


def test_the_list_of_keys(hub: Path, invitation: Path):
    (hub / "workers" / "broken.key").write_text("nothing")
    code, said = run("keys", "list", hub, "--json")
    assert code == 0
    found = json.loads(said)
    assert [(row["name"], row["role"]) for row in found["keys"]] == [
        ("desk", "client"),
        ("desk", "worker"),
        ("local", "client"),
        ("local", "worker"),
    ]
    assert "broken.key" in found["problems"][0]
    assert "secret" not in said


def test_every_change_of_a_list_is_seen(hub: Path):
    seen = [fingerprint(hub, Role.WORKER)]
    add_machine(hub, Role.WORKER, "desk")
    seen.append(fingerprint(hub, Role.WORKER))
    (hub / "workers" / "desk.key").chmod(0o666)
    seen.append(fingerprint(hub, Role.WORKER))
    strike_off(hub, Role.WORKER, "desk")
    seen.append(fingerprint(hub, Role.WORKER))
    assert all(one != another for one, another in itertools.pairwise(seen))
    assert seen[0] == seen[-1]
    shutil.rmtree(hub / "workers")
    assert fingerprint(hub, Role.WORKER) is None
