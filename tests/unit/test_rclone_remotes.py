"""Configured remotes as the real rclone reports them, without a server."""

import os

import pytest
from typer.testing import CliRunner

from filterfleet.app import app
from filterfleet.common.errors import FleetError
from filterfleet.listener.cloud.rclone.remotes import Known, check_remote, known_remotes, room, version

CONFIG = """
[store]
type = s3
access_key_id = me
secret_access_key = hush
[my drive]
type = drive
token = {"access_token":"hush"}
[own]
type = drive
client_id = mine
[hidden]
type = crypt
remote = my drive:photos
[place]
type = alias
remote = /tmp
[round]
type = alias
remote = round:
"""


@pytest.fixture
def config(tmp_path):
    file = tmp_path / "a folder with $(touch PWNED) in its name" / "rclone.conf"
    file.parent.mkdir()
    file.write_text(CONFIG)
    return file


def test_all_remotes_are_listed_with_their_kinds(config, monkeypatch):
    monkeypatch.setenv("RCLONE_CONFIG_HERE_TYPE", "local")
    assert {Known("store", "s3"), Known("my drive", "drive"), Known("here", "local")} <= set(known_remotes(config))


def test_the_environment_is_as_before(config):
    before = dict(os.environ)
    known_remotes(config)
    assert dict(os.environ) == before


def test_rclone_tells_its_version():
    assert version().startswith("v1.")


@pytest.mark.parametrize(
    "fs", ["store:bucket", "own:", "place:x", ":s3,env_auth=true:bucket", "/tmp", "store,a=b:x", "round:"]
)
def test_a_remote_that_can_work_is_accepted(config, fs):
    check_remote(fs, config)


@pytest.mark.parametrize("fs", ["my drive:", "hidden:x"])
def test_google_drive_needs_an_identity_of_the_users_own(config, fs, monkeypatch):
    with pytest.raises(FleetError, match="'my drive' has no client id of its own"):
        check_remote(fs, config)
    monkeypatch.setenv("RCLONE_DRIVE_SERVICE_ACCOUNT_FILE", "/account.json")
    check_remote(fs, config)


@pytest.mark.parametrize("name", ["stor", "$(touch PWNED)", '"; touch PWNED; "', "-rf", "a\nb"])
def test_an_unknown_remote_is_refused_and_no_shell_sees_its_name(config, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FleetError, match="rclone knows no remote"):
        check_remote(f"{name}:x", config)
    with pytest.raises(FleetError):
        room(name, config)
    assert [file.name for file in tmp_path.rglob("*") if file.name == "PWNED"] == []


def test_stores_that_know_their_room_tell_it(config):
    told = room("place", config)
    assert told is not None
    assert told.total > told.free > 0
    assert room("store", config) is None


def test_the_command_lists_them_without_secrets(config):
    done = CliRunner().invoke(app, ["remotes", "--rclone-config", str(config)])
    assert done.exit_code == 0
    assert "my drive:" in done.output
    assert "hush" not in done.output
    one = CliRunner().invoke(app, ["remotes", "place:", "--rclone-config", str(config)])
    assert "place: alias" in one.output
    assert "total" in one.output


def test_without_a_configuration_the_command_says_so(tmp_path):
    done = CliRunner().invoke(app, ["remotes", "--rclone-config", str(tmp_path / "none")])
    assert isinstance(done.exception, FleetError)
    assert "check --rclone-config" in str(done.exception)
