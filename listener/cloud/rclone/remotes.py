"""The remotes that the user has configured, by way of rclone-python.

It hands every argument to a shell: only names that mean nothing there may reach it, and what it takes as options goes
into the environment instead.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from filterfleet.common.errors import FleetError
from filterfleet.common.text import did_you_mean
from filterfleet.listener.cloud.rclone.binary import check_config, environment, find_rclone
from filterfleet.listener.cloud.rclone.errors import quoted, shown
from filterfleet.listener.cloud.rclone.facts import base_name

_HARMLESS = re.compile(r"[\w.+@][\w.+@ -]*")  # between double quotes, in any shell
_SETTINGS = {
    "RCLONE_ASK_PASSWORD": "false",
    "RCLONE_CONTIMEOUT": "5s",
    "RCLONE_TIMEOUT": "30s",
    "RCLONE_LOW_LEVEL_RETRIES": "3",
    "RCLONE_RETRIES": "1",
}
# Any of these is an identity of the user's own at Google.
_OWN = ("client_id", "service_account_file", "service_account_credentials", "env_auth")
_DEPTH = 5  # remotes that stand on remotes, until it must be a circle


@dataclass(frozen=True, slots=True)
class Known:
    """A configured remote: its name without a colon, and its backend: "s3", "drive"..."""

    name: str
    kind: str


@dataclass(frozen=True, slots=True)
class Room:
    """Bytes; None where a store does not tell."""

    total: int | None
    used: int | None
    free: int | None


def version() -> str:
    """rclone's, as "v1.75.2"."""
    from rclone_python import rclone

    with _environment(None):
        return str(rclone.version())


def known_remotes(config: Path | None) -> list[Known]:
    """In the configuration and in the environment. Raises FleetError."""
    listed = json.loads(_run("listremotes", "--json", config=config) or "[]")  # without --json, spaces split names
    return [Known(remote["name"], remote["type"]) for remote in listed]


def room(name: str, config: Path | None) -> Room | None:
    """What `about` says of a known remote; None when its backend has no such thing. Raises FleetError."""
    from rclone_python import rclone, utils

    with _environment(config):
        try:
            told = rclone.about(f"{_harmless(name)}:")
        except utils.RcloneException as error:
            if "support about" in error.error_msg:
                return None
            raise FleetError(f"{name}: rclone says: {quoted(error.error_msg)}") from None
    return Room(told.get("total"), told.get("used"), told.get("free"))


def check_remote(fs: str, config: Path | None) -> None:
    """Refuse what cannot work, before anything starts: a remote that is not configured, and Google Drive without an
    identity of the user's own. Raises FleetError."""
    configured: list[Known] | None = None
    for _ in range(_DEPTH):
        name = base_name(fs)
        if not name or name.startswith(":"):  # a backend without a configuration, or a local folder
            return
        configured = known_remotes(config) if configured is None else configured
        kind = _find(name, configured).kind
        section = _section(name, config)
        if kind == "drive":
            _check_drive(name, section)
        if not section.get("remote"):
            return
        fs = section["remote"]  # alias, crypt and the like stand on another one


def known(name: str, config: Path | None) -> Known:
    """Raises FleetError when there is no remote of this name."""
    return _find(name, known_remotes(config))


def _find(name: str, configured: list[Known]) -> Known:
    remotes = {remote.name: remote for remote in configured}
    if name not in remotes:
        told = did_you_mean(name, remotes) if remotes else "none is configured yet; `rclone config` makes one."
        raise FleetError(f"rclone knows no remote {name!r}: {told}")
    return remotes[name]


def _check_drive(name: str, section: dict[str, str]) -> None:
    variables = [f"RCLONE_{part}_{key}".upper() for part in ("drive", f"config_{name}") for key in _OWN]
    if any(section.get(key) not in (None, "", "false") for key in _OWN) or any(map(os.environ.get, variables)):
        return
    raise FleetError(
        f"The Google Drive remote {name!r} has no client id of its own, and the one that rclone shares among its users "
        "is being retired: make one (https://rclone.org/drive/#making-your-own-client-id) and give it to the remote "
        f"with `rclone config update {name!r} client_id ID client_secret SECRET`, or use a service account."
    )


def _section(name: str, config: Path | None) -> dict[str, str]:
    """What the configuration says of a remote; in the place of secrets, and of a client id, there is something."""
    lines = _run("config redacted", f'"{_harmless(name)}"', config=config).splitlines()
    pairs = (line.partition("=") for line in lines if not line.startswith(("#", "[")))
    return {key.strip(): value.strip() for key, _, value in pairs}


def _run(command: str, *arguments: str, config: Path | None) -> str:
    """What rclone prints. command and arguments are read by a shell."""
    from rclone_python import utils

    with _environment(config):
        try:
            printed, _ = utils.run_rclone_cmd(command, list(arguments))
        except utils.RcloneException as error:
            if "decrypt" in error.error_msg:
                raise FleetError("The rclone configuration is encrypted: set RCLONE_CONFIG_PASS.") from None
            raise FleetError(f"rclone cannot read its configuration: {quoted(error.error_msg)}") from None
    return str(printed)


def _harmless(name: str) -> str:
    if not _HARMLESS.fullmatch(name):
        raise FleetError(
            f"{shown(name)} is no name of a remote: letters, digits, and any of _ . + @ - and spaces inside."
        )
    return name


@contextlib.contextmanager
def _environment(config: Path | None) -> Iterator[None]:
    """rclone-python takes a configuration once in a process, and one path of the program for only half of its calls."""
    check_config(config)
    before = dict(os.environ)
    ours = environment() | _SETTINGS
    ours["PATH"] = os.pathsep.join((str(find_rclone().parent), os.environ.get("PATH", os.defpath)))
    if config:
        ours["RCLONE_CONFIG"] = str(config.absolute())
    try:
        _replace_environment(ours)
        yield
    finally:
        _replace_environment(before)


def _replace_environment(wanted: dict[str, str]) -> None:
    for name in os.environ.keys() - wanted.keys():
        del os.environ[name]
    os.environ.update(wanted)
