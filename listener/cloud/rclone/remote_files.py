"""What the listener asks about files of remotes, and how rclone is told to do it."""

from __future__ import annotations

import contextlib
import http.client
import re
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from filterfleet.common.private import make_private_folder
from filterfleet.listener.cloud.rclone.binary import check_config
from filterfleet.listener.cloud.rclone.calls import CallError, Calls, NoServerError
from filterfleet.listener.cloud.rclone.daemon import SOCKET, Daemon
from filterfleet.listener.cloud.rclone.errors import TAKEN_FOR_FILE, MissingError, explain, shown
from filterfleet.listener.cloud.rclone.facts import (
    ATOMIC,
    REPLACING,
    WRAPPERS,
    Facts,
    base_name,
    kind_of,
    make_facts,
    options_of,
    remote_name,
    tries,
)
from filterfleet.listener.cloud.rclone.hidden import Secrets
from filterfleet.listener.cloud.rclone.listing import Entry, Lister, parse_entry
from filterfleet.listener.cloud.rclone.processes import Processes
from filterfleet.listener.cloud.settings import CONNECT_LIMIT, IDLE_LIMIT
from filterfleet.listener.interfaces import ChangedError, TransferError
from filterfleet.listener.settings.location import Remote, parse_location

__all__ = ["Entry", "Facts", "Rclone"]

ARGUMENTS = (
    f"--contimeout={CONNECT_LIMIT}s",
    f"--timeout={IDLE_LIMIT}s",
    "--retries=1",  # the listener repeats what fails
    "--ask-password=false",
    "--use-server-modtime",  # the time in an object's metadata would cost a request for each object in some stores
    "--drive-skip-gdocs",
    "--drive-skip-shortcuts",
)
SERVER_ARGUMENTS = (
    "--inplace",  # our callers know where half a file must not be seen
    "--ignore-times",  # an upload is always wanted, even when the file that is there has the same size and time
    "--rc-server-read-timeout=10000h",  # connections stay open between calls, for any time
    "--rc-server-write-timeout=10000h",  # a call lasts as long as it takes to copy a large file over a slow line
)

_SURROGATE = re.compile("[\ud800-\udfff]")  # stands for a byte that is not valid UTF-8 in a Python string


class Rclone:
    """A supervised `rclone rcd` with a private unix socket, and a process of its own for each listing.

    A process has one of these, and all its threads may use it. fs names a folder of a remote as rclone does, such as
    "s3:bucket/photos"; path is below that folder. Every method raises TransferError.
    """

    def __init__(
        self, state: Path, *, config: Path | None = None, bandwidth: str | None = None, transfers: int = 4
    ) -> None:
        """state: a folder for socket and log that belongs to this process alone. config: rclone's configuration file,
        None for rclone's own. bandwidth: in the syntax of rclone's --bwlimit. transfers: how many run at once.

        Raises FleetError when there is no rclone, or no such configuration file.
        """
        arguments = [*ARGUMENTS, *check_config(config)]
        make_private_folder(state)
        self._processes = Processes(state)
        self._secrets = Secrets()
        self._lister = Lister(self._processes, arguments, self._secrets)
        self._calls = Calls(state, SOCKET)
        self._transfers = threading.BoundedSemaphore(transfers)
        self._facts: dict[str, Facts] = {}
        self._closing = threading.Lock()
        self._closed = False
        limit = [f"--bwlimit={bandwidth}"] if bandwidth else []
        arguments += [f"--transfers={transfers}", *limit, *SERVER_ARGUMENTS]
        self._daemon = Daemon(self._processes, state, arguments, self._calls.answers, self._secrets.hide)

    def facts(self, fs: str) -> Facts:
        """What the folder is and what can be done there. The remote is asked once."""
        known = self._facts.get(fs)
        if known is None:
            known = self._facts[fs] = self._find_facts(fs)
        return known

    def _find_facts(self, fs: str) -> Facts:
        kind, section = self._configured(fs, base_name(fs))
        config = {"LowLevelRetries": tries(kind)}
        try:
            info = self._call("operations/fsinfo", fs, _config=config)
        except MissingError:
            self._check_by_listing(fs, config)
            raise
        if remote_name(info) != base_name(fs):  # fs was an alias
            kind, section = self._configured(fs, remote_name(info))
        wraps = kind in WRAPPERS and section.get("remote")
        return make_facts(info, kind, atomic=self.facts(section["remote"]).atomic if wraps else kind in ATOMIC)

    def _check_by_listing(self, fs: str, config: dict[str, Any]) -> None:
        """Raises TransferError with the store's own reason, if it has one.

        rclone says of every S3 folder that it is a file when the server cannot be reached or refuses the keys.
        """
        folder = parse_location(fs)
        if isinstance(folder, Remote):
            root = f"{folder.remote}:"
            self._call("operations/list", fs, fs=root, remote=folder.path, opt={"noModTime": True}, _config=config)

    def _configured(self, fs: str, name: str) -> tuple[str, dict[str, Any]]:
        """The kind of a remote, and its section of the configuration."""
        section = self._call("config/get", fs, name=name)
        return kind_of(name, section), section | (options_of(fs) if name == base_name(fs) else {})

    def list(self, fs: str, patterns: Sequence[str]) -> Iterator[Entry]:
        """All files below fs that pass patterns (rclone's filter rules), while they are listed.

        Raises TransferError at the end if only a part could be listed.
        """
        yield from self._lister.entries(fs, patterns, self.facts(fs))

    def stat(self, fs: str, path: str) -> Entry | None:
        """The file as list() would show it; None if it does not exist."""
        facts = self.facts(fs)
        options = {"filesOnly": True, "noMimeType": True, "showHash": facts.hash}
        item = self._call("operations/stat", fs, path, remote=path, opt=options)["item"]
        return None if item is None else parse_entry(item, whole_seconds=facts.whole_seconds)

    def is_folder(self, fs: str, path: str) -> bool:
        """Whether a folder with this path exists."""
        answer = self._call("operations/stat", fs, path, remote=path, opt={"dirsOnly": True})
        return answer["item"] is not None

    def names(self, fs: str, path: str) -> Sequence[str]:
        """Of everything in one folder; none if there is no such folder."""
        options = {"noModTime": True, "noMimeType": True}
        try:
            answer = self._call("operations/list", fs, path, remote=path, opt=options)
        except MissingError:
            return ()
        return [item["Name"] for item in answer["list"]]

    def download(self, fs: str, path: str, file: Path) -> None:
        """Raises ChangedError if there is nothing at path."""
        self._transfer("operations/copyfile", (fs, path), (str(file.parent.absolute()), file.name), replaces=True)

    def download_by_id(self, fs: str, id: str, file: Path) -> None:  # noqa: A002
        """Download from Google Drive, where several files may share a path. Raises ChangedError if none has the id."""
        with self._transfers:
            try:
                self._call("backend/command", fs, id, fs=fs, command="copyid", arg=[id, str(file.absolute())])
            except MissingError:
                raise ChangedError(f"{shown(fs)} has no file with the id {id}.") from None

    def upload(self, file: Path, fs: str, path: str) -> None:
        """Upload to the final name, replacing what is there. A store that is not atomic shows half of it meanwhile."""
        source = {"srcFs": str(file.parent.absolute()), "srcRemote": file.name}
        with self._transfers:
            config = _config(replaces=self.facts(fs).kind in REPLACING)
            self._call("operations/copyfile", fs, path, **source, dstFs=fs, dstRemote=path, **config)

    def copy(self, fs: str, path: str, target_fs: str, target: str) -> None:
        """Copy on the server if it can do that, else through this machine. Raises ChangedError if path is gone."""
        replaces = self.facts(target_fs).kind in REPLACING
        self._transfer("operations/copyfile", (fs, path), (target_fs, target), replaces=replaces)

    def move(self, fs: str, path: str, target_fs: str, target: str) -> None:
        """Move as copy() copies."""
        replaces = self.facts(target_fs).kind in REPLACING
        self._transfer("operations/movefile", (fs, path), (target_fs, target), replaces=replaces)

    def _transfer(self, command: str, source: tuple[str, str], target: tuple[str, str], *, replaces: bool) -> None:
        """source, target: fs and path. Raises ChangedError if the source is gone."""
        (fs, path), (target_fs, target_path) = source, target
        places = {"srcFs": fs, "srcRemote": path, "dstFs": target_fs, "dstRemote": target_path}
        with self._transfers:
            try:
                self._call(command, fs, path, **places, **_config(replaces=replaces))
            except MissingError:
                if self.stat(fs, path) is not None:  # so a folder of the target is missing
                    raise
                raise ChangedError(f"{shown(fs, path)} is not there.") from None

    def make_folder(self, fs: str, path: str) -> None:
        """Make a folder and those above it. Does nothing if it exists."""
        self._call("operations/mkdir", fs, path, remote=path)

    def delete(self, fs: str, path: str) -> None:
        """Delete a file. Does nothing if there is none."""
        with contextlib.suppress(MissingError):
            self._call("operations/deletefile", fs, path, remote=path)

    def purge(self, fs: str, path: str) -> None:
        """Delete a folder with everything in it. Does nothing if there is none."""
        with contextlib.suppress(MissingError):
            self._call("operations/purge", fs, path, remote=path)

    def forget(self) -> None:
        """Make rclone forget the folders it remembers, because somebody else may have removed one."""
        self._call("fscache/clear", "")

    def close(self) -> None:
        """End rclone; calls under way raise TransferError. Does nothing the second time."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
        self._lister.close()
        self._daemon.close()
        self._calls.close()
        self._processes.close()

    def _call(self, command: str, place: str, path: str = "", /, **parameters: Any) -> dict[str, Any]:
        """Wait for the server and call it. place and path say what the call is about in messages."""
        parameters.setdefault("fs", place)
        if place in self._facts:  # rclone drops an idle remote with its settings, so they have to come with each call
            parameters["_config"] = {"LowLevelRetries": tries(self._facts[place].kind)} | parameters.get("_config", {})
        _check_names(parameters, place, path)
        for value in parameters.values():
            if isinstance(value, str):
                self._secrets.learn(value)
        number = self._daemon.wait()
        try:
            try:
                return self._calls.call(command, parameters)
            except NoServerError:  # the server has just died
                self._daemon.lost(number)
                number = self._daemon.wait()
                return self._calls.call(command, parameters)
        except CallError as error:
            if TAKEN_FOR_FILE in error.text:  # rclone would remember this, though it may only have been an outage
                self.forget()
            raise explain(self._secrets.hide(error.text), place, path) from None
        except (NoServerError, OSError, http.client.HTTPException):
            self._daemon.lost(number)
            raise TransferError(
                f"{shown(place, path)}: rclone ended in the middle of the work, which will be tried again.",
                transient=True,
            ) from None


def _config(*, replaces: bool) -> dict[str, Any]:
    """The setting of one call. replaces: rclone need not look first for a file that is already there."""
    return {"_config": {"NoCheckDest": True}} if replaces else {}


def _check_names(parameters: dict[str, Any], place: str, path: str) -> None:
    """Raises TransferError for a name that JSON cannot hold; rclone would take it for another name."""
    for value in parameters.values():
        if isinstance(value, str) and not value.isascii() and _SURROGATE.search(value):
            raise TransferError(
                f"{shown(place, path)}: the name is not valid UTF-8, so rclone cannot transfer it.", transient=False
            )
