"""Key folders: how they are made, which ones are refused, and who may connect."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
import zmq
import zmq.auth
from zmq.utils import z85

from filterfleet.broker.actions import Side
from filterfleet.broker.door.zap import ALLOWED, DENIED, ERROR, VERSION, judge
from filterfleet.broker.service import _is_loopback
from filterfleet.common.errors import FleetError
from filterfleet.common.keys.folders import KeyPair, PeerKeys, Role, allow_list, broker_pair, peer_keys
from filterfleet.common.keys.handshakes import explain
from filterfleet.common.keys.making import add_machine, make_broker_folder
from filterfleet.common.private import GROUP_READ
from filterfleet.common.ratelimit import RateLimit

FRONT, BACK = Side.FRONTEND, Side.BACKEND


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A broker's folder, with a worker and a client called `desk`."""
    assert make_broker_folder(tmp_path / "keys")
    add_machine(tmp_path / "keys", Role.WORKER, "desk")
    add_machine(tmp_path / "keys", Role.CLIENT, "desk")
    return tmp_path / "keys"


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# --- making ----


def test_only_their_owner_can_read_secrets(folder: Path):
    secrets = [*folder.rglob("*.key_secret")]
    assert len(secrets) == 5
    assert {stat.S_IMODE(file.stat().st_mode) for file in secrets} == {0o600}
    assert stat.S_IMODE((folder / "machines").stat().st_mode) == 0o700
    assert not [file for file in folder.rglob("*.key") if "secret-key" in file.read_text()]


def test_a_permissive_umask_opens_nothing(tmp_path: Path):
    before = os.umask(0)
    try:
        make_broker_folder(tmp_path / "keys")
        handout = add_machine(tmp_path / "keys", Role.WORKER, "desk")
    finally:
        os.umask(before)
    assert stat.S_IMODE((handout / "worker.key_secret").stat().st_mode) == 0o600
    assert allow_list(tmp_path / "keys", Role.WORKER).names  # refused, if others could write there


def test_other_programs_read_the_certificates(folder: Path):
    pair = broker_pair(folder)
    assert zmq.auth.load_certificate(folder / "broker.key_secret") == (pair.public, pair.secret)
    assert zmq.auth.load_certificate(folder / "broker.key") == (pair.public, None)


def test_certificates_of_other_programs_are_read(folder: Path):
    public, secret = map(Path, zmq.auth.create_certificates(folder / "workers", "theirs"))
    assert public.read_bytes() != secret.read_bytes()
    key, _ = zmq.auth.load_certificate(public)
    assert allow_list(folder, Role.WORKER).names[key] == "theirs"
    secret.chmod(0o600)
    secret.rename(folder / "machines/desk/worker.key_secret")
    assert peer_keys(folder / "machines/desk", Role.WORKER).own.public == key


@pytest.mark.parametrize(
    ("mode", "told", "taken"),
    [(0o440, True, True), (0o640, True, True), (0o440, False, False), (0o460, True, False), (0o444, True, False)],
)
def test_a_secret_for_a_group_is_taken_when_the_group_is_trusted(folder: Path, monkeypatch, mode, told, taken):
    monkeypatch.setenv(GROUP_READ, "1" if told else "0")
    secret = folder / "machines/desk/worker.key_secret"
    secret.chmod(mode)
    if taken:
        assert peer_keys(secret.parent, Role.WORKER)
    else:
        with pytest.raises(FleetError, match=r"is open to others|Others can write"):
            peer_keys(secret.parent, Role.WORKER)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to other groups")
def test_a_secret_for_a_group_that_we_are_not_in_is_refused(folder: Path, monkeypatch):
    monkeypatch.setenv(GROUP_READ, "1")
    secret = folder / "machines/desk/worker.key_secret"
    os.chown(secret, -1, 40_003)
    secret.chmod(0o440)
    with pytest.raises(FleetError, match="--allow-group-read"):
        peer_keys(secret.parent, Role.WORKER)


def test_what_is_handed_out_fits_what_is_listed(folder: Path):
    for role in Role:
        keys = peer_keys(folder / "machines/desk", role)
        assert keys.broker == broker_pair(folder).public
        assert allow_list(folder, role).names[keys.own.public] == "desk"
        assert allow_list(folder, role).names[peer_keys(folder, role).own.public] == "local"
    assert peer_keys(folder, Role.WORKER).own != peer_keys(folder, Role.CLIENT).own


def test_keys_that_are_there_are_never_overwritten(folder: Path):
    before = contents(folder)
    assert not make_broker_folder(folder)
    for role in Role:
        with pytest.raises(FleetError, match="has a key already"):
            add_machine(folder, role, "desk")
    (folder / "workers/desk.key").unlink()  # revoked: the old key must not come back under the old name
    with pytest.raises(FleetError, match="has a key already"):
        add_machine(folder, Role.WORKER, "desk")
    with pytest.raises(FleetError, match="belongs to a worker or a client"):
        make_broker_folder(folder / "machines/desk")
    del before[folder / "workers/desk.key"]
    assert contents(folder) == before


def test_a_key_that_was_struck_off_stays_so(folder: Path):
    (folder / "workers/local.key").unlink()
    make_broker_folder(folder)
    assert sorted(allow_list(folder, Role.WORKER).names.values()) == ["desk"]


@pytest.mark.parametrize("name", ["", ".", "..", "../desk", "a/b", "-x", ".x", "a b", "a\n", "é", "x" * 64])
def test_names_that_are_no_file_names(folder: Path, name: str):
    before = contents(folder)
    with pytest.raises(FleetError, match="cannot be the name of a machine"):
        add_machine(folder, Role.WORKER, name)
    assert contents(folder) == before


# --- reading ----


@pytest.mark.parametrize("mode", [0o604, 0o620, 0o640, 0o644, 0o666, 0o601])
def test_a_secret_that_others_can_get_at_is_refused(folder: Path, mode: int):
    for name in ("broker.key_secret", "worker.key_secret"):
        (folder / name).chmod(mode)
    for read in (lambda: broker_pair(folder), lambda: peer_keys(folder, Role.WORKER)):
        with pytest.raises(FleetError, match=rf"is open to others \(mode {mode:04o}\): .* chmod 600"):
            read()


def test_a_credential_of_systemd_comes_first_and_may_look_readable(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """On some file systems systemd protects it with an access control list, and its mode is 0440."""
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (folder / "worker.key_secret").rename(credentials / "worker.key_secret")
    (credentials / "worker.key_secret").chmod(0o440)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
    assert peer_keys(folder, Role.WORKER).own.public in allow_list(folder, Role.WORKER).names
    assert peer_keys(folder, Role.CLIENT).file == folder / "client.key_secret"


@pytest.mark.parametrize("place", [".", "workers"])
@pytest.mark.parametrize("mode", [0o775, 0o757])
def test_a_list_that_others_can_write_to_is_refused(folder: Path, place: str, mode: int):
    (folder / place).chmod(mode)
    with pytest.raises(FleetError, match="chmod go-w"):
        allow_list(folder, Role.WORKER)


def test_missing_files_are_named(folder: Path, tmp_path: Path):
    with pytest.raises(FleetError, match=r"nowhere/broker\.key_secret cannot be used: No such file"):
        broker_pair(tmp_path / "nowhere")
    with pytest.raises(FleetError, match="machines/workers cannot be used"):
        allow_list(folder / "machines", Role.WORKER)
    (folder / "broker.key").unlink()
    with pytest.raises(FleetError, match=r"broker\.key cannot be used"):
        peer_keys(folder, Role.CLIENT)


def test_keys_that_do_not_belong_together(folder: Path):
    file = folder / "broker.key_secret"
    (public, _), (_, secret) = zmq.curve_keypair(), zmq.curve_keypair()
    file.write_text(f'curve\n    public-key = "{public.decode()}"\n    secret-key = "{secret.decode()}"\n')
    with pytest.raises(FleetError, match="do not belong together"):
        broker_pair(folder)


@pytest.mark.parametrize("key", ["", "short", "#" * 40, "é" * 40, "'" * 40, "x" * 45])
def test_what_is_no_key_lets_nobody_in_and_keeps_nobody_out(folder: Path, key: str):
    (folder / "workers/broken.key").write_text(f'curve\n    public-key = "{key}"\n')
    (folder / "workers/binary.key").write_bytes(bytes(range(256)))
    found = allow_list(folder, Role.WORKER)
    assert sorted(found.names.values()) == ["desk", "local"]
    assert ["binary.key" in problem or "broken.key" in problem for problem in found.problems] == [True, True]


def test_a_secret_does_not_show():
    pair = KeyPair(*zmq.curve_keypair())
    assert pair.secret.decode() not in f"{pair} {PeerKeys(Role.WORKER, Path('x'), pair, b'')}"


# --- who may connect ----

LISTED, STRANGER = zmq.curve_keypair()[0], zmq.curve_keypair()[0]
NAMES = {FRONT: {}, BACK: {LISTED.decode(): "desk"}}


def request(domain: bytes, key: bytes, *more: bytes, version: bytes = VERSION, mechanism: bytes = b"CURVE"):
    return [version, b"7", domain, b"192.0.2.1", b"", mechanism, z85.decode(key), *more]


def test_a_listed_key_may_do_what_it_is_listed_for():
    verdict = judge(request(b"backend", LISTED), NAMES)
    assert verdict.allowed
    assert verdict.reply(b"user") == [b"1.0", b"7", ALLOWED, b"OK", b"user", b""]
    assert (verdict.side, verdict.address, verdict.key) == (BACK, "192.0.2.1", LISTED.decode())


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        (request(b"backend", STRANGER), DENIED),
        (request(b"frontend", LISTED), DENIED),
        (request(b"", LISTED), DENIED),
        (request(b"*", LISTED), DENIED),
        (request(b"\xff", LISTED), DENIED),
        (request(b"backend", LISTED, b"more"), ERROR),
        (request(b"backend", LISTED, version=b"2.0"), ERROR),
        (request(b"backend", LISTED, mechanism=b"PLAIN"), ERROR),
        (request(b"backend", LISTED)[:6], ERROR),
        ([], ERROR),
    ],
)
def test_no_other_request_is_allowed(asked: list[bytes], status: bytes):
    verdict = judge(asked, NAMES)
    assert not verdict.allowed
    reply = verdict.reply(b"user")
    assert reply[2] == status
    assert reply[4] == b""
    assert len(reply) == 6


def test_a_log_cannot_be_flooded():
    lines = RateLimit(1, 10.0)
    told = [total for now in range(25) if (total := lines.admit("kind", float(now)))]
    assert told == [1, 11, 21]
    assert lines.admit("other", 24.0) == 1


@pytest.mark.parametrize("bind", ["127.0.0.1", "127.8.9.10", "::1", "lo"])
def test_loopback(bind: str):
    assert _is_loopback(bind)


@pytest.mark.parametrize(
    "bind", ["0.0.0.0", "::", "192.0.2.1", "*", "eth0", "", "::ffff:192.0.2.1", "localhost.example"]
)
def test_everything_else_is_reached_from_elsewhere(bind: str):
    assert not _is_loopback(bind)


def test_each_refusal_says_what_to_do():
    keys = PeerKeys(Role.WORKER, Path("k/worker.key_secret"), KeyPair(b"", b""), b"")
    auth, protocol = zmq.EVENT_HANDSHAKE_FAILED_AUTH, zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
    mismatch = zmq.PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH
    assert "name the folder of your keys with --keys" in explain("tcp://h:1", None, protocol, mismatch)
    assert "check --broker and the port" in explain("tcp://h:1", None, zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL, 32)
    assert "k/worker.key_secret in: it has to be listed among its workers" in explain("tcp://h:1", keys, auth, 400)
    assert "is not the broker whose key is in k:" in explain("tcp://h:1", keys, protocol, mismatch)
