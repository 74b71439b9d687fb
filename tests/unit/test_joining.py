"""Invitations, revoked keys and the list of them, and what `systemd install` would write."""

from __future__ import annotations

import configparser
import contextlib
import itertools
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest
from typer.testing import CliRunner

from filterfleet.app import app
from filterfleet.common.errors import FleetError
from filterfleet.common.keys.folders import Role, allow_list, fingerprint, peer_keys
from filterfleet.common.keys.invitation import accept, read
from filterfleet.common.keys.making import add_machine, make_broker_folder, strike_off
from filterfleet.listener.settings.location import Remote
from filterfleet.listener.state import output_lock, state_folders
from filterfleet.units import machine
from filterfleet.units.plan import ROLES, Wish, drop_in, plan
from tests.unit.rights_rig import open_folder

PROGRAM = PurePosixPath("/opt/filterfleet/bin/filterfleet")


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


# --- units ----


def settings(text: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read_string(text)
    return parser


def test_the_units_of_a_machine_that_works_for_others(tmp_path: Path):
    wish = Wish(["worker"], PROGRAM, "10.0.0.1", ["10.0.0.1"], (5555, 7000), PurePosixPath("/etc/filterfleet/keys"))
    files = plan(wish, machine.shipped())
    assert sorted(files) == [
        "etc/systemd/system/filterfleet-worker.service",
        "etc/systemd/system/filterfleet-worker.service.d/50-install.conf",
        "etc/systemd/system/filterfleet.target",
    ]
    text = files[drop_in("worker")]
    service = settings(text)["Service"]
    assert service["LoadCredential"] == "worker.key_secret:/etc/filterfleet/keys/worker.key_secret"
    assert service["IPAddressAllow"] == "10.0.0.1"
    for variable in ("BROKER=10.0.0.1", "KEYS=/etc/filterfleet/keys", "BACKEND_PORT=7000"):
        assert f"Environment=FILTERFLEET_{variable}\n" in text
    machine.write(files, tmp_path)
    (tmp_path / "etc/systemd/system/filterfleet-worker.service.d/override.conf").write_text("[Service]\n")
    machine.write(files, tmp_path)
    assert {str(file.relative_to(tmp_path)) for file in machine.remove(tmp_path)} == {*files}
    left = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert [file.name for file in left] == ["override.conf"], "what a person has written stays"


@pytest.fixture
def installed_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if filterfleet were where the daemons can see it."""
    monkeypatch.setattr(machine, "program", lambda: PROGRAM)
    monkeypatch.setattr(machine, "python", lambda: PurePosixPath("/usr/bin/python3"))


@pytest.mark.usefixtures("installed_for_all")
def test_a_second_role_leaves_the_first_in_the_target(tmp_path: Path):
    for role in ("broker", "worker"):
        assert run("systemd", "install", "--role", role, "--root", tmp_path)[0] == 0
    target = settings((tmp_path / "etc/systemd/system/filterfleet.target").read_text())
    assert target["Unit"]["Wants"] == "filterfleet-broker.service filterfleet-worker.service"


@pytest.mark.usefixtures("installed_for_all")
def test_an_upgrade_brings_the_units_of_this_version_and_keeps_what_is_said_about_the_fleet(tmp_path: Path):
    assert run("systemd", "upgrade", "--root", tmp_path)[0] != 0
    keys = ("--keys", "/etc/filterfleet/keys", "--broker", "10.0.0.1")
    assert run("systemd", "install", "--role", "worker", *keys, "--root", tmp_path)[0] == 0
    unit = tmp_path / "etc/systemd/system/filterfleet-worker.service"
    said = tmp_path / drop_in("worker")
    before, about = unit.read_text(), said.read_text()
    unit.write_text(before.replace("WatchdogSec", "OldWatchdogSec"))
    code, shown = run("systemd", "upgrade", "--root", tmp_path)
    assert code == 0, shown
    assert (unit.read_text(), said.read_text()) == (before, about)
    assert not (tmp_path / "etc/systemd/system/filterfleet-broker.service").exists()


@pytest.mark.parametrize(
    ("networks", "allowed"), [((), "any"), (("10.0.0.0/24", "fd00::/64"), "10.0.0.0/24 fd00::/64")]
)
def test_who_reaches_a_broker_with_keys(networks: tuple[str, ...], allowed: str):
    keys = PurePosixPath("/etc/filterfleet/keys")
    files = plan(Wish(["broker"], PROGRAM, "10.0.0.1", keys=keys, networks=networks), machine.shipped())
    assert settings(files[drop_in("broker")])["Service"]["IPAddressAllow"] == allowed
    alone = plan(Wish(["broker"], PROGRAM), machine.shipped())
    assert "IPAddressAllow" not in settings(alone[drop_in("broker")])["Service"]


@pytest.mark.parametrize("broker", ["127.0.0.1", "localhost", "::1"])
def test_a_fleet_within_this_machine_needs_no_keys(broker: str):
    files = plan(Wish(["broker"], PROGRAM, broker), machine.shipped())
    assert ("BIND=::1" in files[drop_in("broker")]) is (broker == "::1")
    assert "localhost" not in files[drop_in("broker")]


@pytest.mark.parametrize(
    ("wish", "sentence"),
    [
        (Wish(["broker"], PROGRAM, python=PurePosixPath("/root/.pyenv/bin/python3")), "cannot see /root"),
        (Wish(["broker"], PROGRAM, "10.0.0.1,10.0.0.2", keys=PurePosixPath("/etc/k")), "listens on one address"),
        (Wish(["broker"], PurePosixPath("/home/ann/bin/filterfleet")), "cannot see /root, /home"),
        (Wish(["broker"], PurePosixPath("/opt/with space/filterfleet")), "cannot stand in a unit"),
        (Wish(["broker"], PROGRAM, keys=PurePosixPath("/etc/%h")), "cannot stand in a unit"),
        (Wish(["broker"], PROGRAM, keys=PurePosixPath("/home/ann/keys")), "the keys /home/ann/keys are there"),
        (Wish(["broker"], PROGRAM, networks=["10.0.0.0/33"]), "--allow takes a network"),
        (Wish(["broker"], PROGRAM, "10.0.0.1"), "needs keys"),
    ],
)
def test_wishes_that_cannot_work(wish: Wish, sentence: str):
    with pytest.raises(FleetError, match=sentence):
        plan(wish, machine.shipped())


def test_an_uninstall_says_when_there_is_nothing(tmp_path: Path):
    assert run("systemd", "uninstall", "--root", tmp_path) == (0, "No service of filterfleet is installed here.\n")


def test_keys_are_looked_at_before_units_are_written(tmp_path: Path):
    with open_folder() as openly, as_with_umask(0o077):  # which root has on many machines
        hub = openly / "keys"
        make_broker_folder(hub)
        every = PurePosixPath(hub)
        machine.check_keys(every, ROLES)
        openly.chmod(0o700)
        closed = re.escape(f"cannot read {hub}/broker.key: {openly} is closed to them (mode 0700)")
        with pytest.raises(FleetError, match=closed):
            machine.check_keys(every, ROLES)
        (hub / "client.key_secret").unlink()
        for role in ("listener", "dashboard"):
            with pytest.raises(FleetError, match=r"client\.key_secret cannot be used: No such file"):
                machine.check_keys(every, [role])
    with pytest.raises(FleetError, match=r"broker\.key_secret cannot be used"):
        machine.check_keys(PurePosixPath(tmp_path / "typo"), ["broker"])


@contextlib.contextmanager
def as_with_umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze")
def test_what_is_installed_is_confined_as_what_ships(tmp_path: Path):
    """systemd's own figure: 10 is open to everything."""
    there = [role for role in ROLES if f"filterfleet-{role}.service" in machine.shipped()]
    keys = PurePosixPath("/etc/filterfleet/keys")
    machine.write(plan(Wish(there, PROGRAM, "10.0.0.1", ["10.0.0.1"], keys=keys), machine.shipped()), tmp_path)
    for role in there:
        command = ["systemd-analyze", "security", "--offline=true", "--threshold=20", f"--root={tmp_path}"]
        done = subprocess.run([*command, f"filterfleet-{role}.service"], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-600:] + done.stderr
