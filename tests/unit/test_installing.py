"""What `systemd install`, `upgrade` and `uninstall` write and remove, and what they refuse."""

from __future__ import annotations

import configparser
import contextlib
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
from filterfleet.common.keys.making import make_broker_folder
from filterfleet.units import machine
from filterfleet.units.plan import ROLES, Wish, drop_in, plan
from tests.unit.rights_rig import open_folder

PROGRAM = PurePosixPath("/opt/filterfleet/bin/filterfleet")


def run(*words: object) -> tuple[int, str]:
    done = CliRunner().invoke(app, [str(word) for word in words])
    return done.exit_code, str(done.exception or "") + done.output


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


def installed_by_hand(root: Path, *enabled: str) -> None:
    """As before there was a command: all units are copied, and those that the machine needs are enabled."""
    folder = root / "etc/systemd/system"
    (folder / "multi-user.target.wants").mkdir(parents=True)
    for role in ("broker", "worker", "listener"):
        (folder / f"filterfleet-{role}.service").write_text("old\n")
    for role in enabled:
        name = f"filterfleet-{role}.service"
        (folder / "multi-user.target.wants" / name).symlink_to(f"/etc/systemd/system/{name}")


@pytest.mark.usefixtures("installed_for_all")
def test_an_upgrade_takes_over_what_was_installed_by_hand(tmp_path: Path):
    """A machine that only works gets no broker and no listener by it."""
    installed_by_hand(tmp_path, "worker")
    code, shown = run("systemd", "upgrade", "--root", tmp_path)
    assert code == 0, shown
    folder = tmp_path / "etc/systemd/system"
    assert all("old" not in (folder / f"filterfleet-{role}.service").read_text() for role in ("broker", "worker"))
    assert settings((folder / "filterfleet.target").read_text())["Unit"]["Wants"] == "filterfleet-worker.service"
    assert settings((tmp_path / drop_in("worker")).read_text())["Unit"]["PartOf"] == "filterfleet.target"
    assert not (tmp_path / drop_in("broker")).exists()
    assert run("systemd", "install", "--role", "dashboard", "--root", tmp_path)[0] == 0
    wants = settings((folder / "filterfleet.target").read_text())["Unit"]["Wants"]
    assert wants == "filterfleet-worker.service filterfleet-dashboard.service"


@pytest.mark.usefixtures("installed_for_all")
def test_units_that_nobody_has_enabled_are_no_service(tmp_path: Path):
    installed_by_hand(tmp_path)
    code, shown = run("systemd", "upgrade", "--root", tmp_path)
    assert code != 0
    assert "No service of filterfleet is installed here" in shown


@pytest.mark.parametrize(
    ("networks", "allowed"), [((), "any"), (("10.0.0.0/24", "fd00::/64"), "10.0.0.0/24 fd00::/64")]
)
def test_who_reaches_a_broker_with_keys(networks: tuple[str, ...], allowed: str):
    keys = PurePosixPath("/etc/filterfleet/keys")
    files = plan(Wish(["broker"], PROGRAM, "10.0.0.1", keys=keys, networks=networks), machine.shipped())
    assert settings(files[drop_in("broker")])["Service"]["IPAddressAllow"] == allowed
    alone = plan(Wish(["broker"], PROGRAM), machine.shipped())
    assert "IPAddressAllow" not in settings(alone[drop_in("broker")])["Service"]


@pytest.mark.parametrize("broker", ["127.0.0.1", "::1"])
def test_a_fleet_within_this_machine_needs_no_keys(broker: str):
    files = plan(Wish(["broker"], PROGRAM, broker), machine.shipped())
    assert ("BIND=::1" in files[drop_in("broker")]) is (broker == "::1")


@pytest.mark.usefixtures("installed_for_all")
def test_units_have_the_addresses_of_brokers_and_not_their_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A broker binds to an address, and what a unit may reach are addresses: no name server is among them."""
    known = {"hub": ["10.0.0.1"], "other": ["10.0.0.2", "10.0.0.3"], "own": ["127.0.1.1"], "localhost": ["127.0.0.1"]}

    def look_up(host: str, *_: object, **__: object) -> list[tuple[object, ...]]:
        try:
            return [(0, 0, 0, "", (address, 0)) for address in known[host]]
        except KeyError:
            raise OSError from None

    monkeypatch.setattr("socket.getaddrinfo", look_up)
    install = ("systemd", "install", "--role", "worker", "--root", tmp_path, "--keys", "/etc/keys", "--broker")
    assert run(*install, "hub,other")[0] == 0
    text = (tmp_path / drop_in("worker")).read_text()
    assert "Environment=FILTERFLEET_BROKER=10.0.0.1,10.0.0.2\n" in text
    assert settings(text)["Service"]["IPAddressAllow"] == "10.0.0.1 10.0.0.2 10.0.0.3"
    assert run(*install, "localhost")[0] == 0
    assert "BROKER" not in (tmp_path / drop_in("worker")).read_text()
    assert "own stands for 127.0.1.1, which other machines cannot reach" in run(*install, "own")[1]
    assert "The name elsewhere cannot be resolved" in run(*install, "elsewhere")[1]


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
