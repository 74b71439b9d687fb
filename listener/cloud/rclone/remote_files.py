"""Files of remotes: one object for a process, which any of its threads may use."""

from __future__ import annotations

import http.client
import re
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

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
    remote_name,
    tries,
)
from filterfleet.listener.cloud.rclone.listing import Entry, Lister, parse_entry
from filterfleet.listener.cloud.rclone.processes import Processes
from filterfleet.listener.cloud.rclone.remotes import check_remote
from filterfleet.listener.interfaces import ChangedError, TransferError
from filterfleet.listener.settings.location import Remote, parse_location

__all__ = ["Entry", "Facts", "Rclone", "check_remote"]

# Who calls us tries again for hours; rclone itself gives up soon, so that there is something to say.
LIMITS = ("--contimeout=5s", "--timeout=30s", "--retries=1")
COMMON = (
    *LIMITS,
    "--ask-password=false",
    "--use-server-modtime",  # else a request more for each object, of stores that keep our time in its metadata
    "--drive-skip-gdocs",
    "--drive-skip-shortcuts",
)

_UNPAIRED = re.compile("[\ud800-\udfff]")  # how Python holds bytes that are no UTF-8


class Rclone:
    """A supervised `rclone rcd` of our own on a private unix socket, and a process of its own for each listing."""

    def __init__(
        self, state: Path, *, config: Path | None = None, bandwidth: str | None = None, transfers: int = 4
    ) -> None:
        """state: a folder that belongs to this process, for socket and log. bandwidth: as rclone's --bwlimit has it.
        Raises FleetError when there is no rclone or no such configuration."""
        arguments = [*COMMON, *check_config(config)]
        state.mkdir(parents=True, exist_ok=True, mode=0o700)
        state.chmod(0o700)
        self._processes = Processes(state)
        self._lister = Lister(self._processes, arguments)
        self._calls = Calls(state, SOCKET)
        self._transfers = threading.BoundedSemaphore(transfers)
        self._facts: dict[str, Facts] = {}
        self._closing = threading.Lock()
        self._closed = False
        arguments += [
            f"--transfers={transfers}",
            *([f"--bwlimit={bandwidth}"] if bandwidth else []),
            "--inplace",  # who calls us knows where a file must not be seen half
            "--ignore-times",  # an upload is always wanted, also of a file that looks like the one there
            "--rc-server-read-timeout=10000h",  # between two calls on one connection
            "--rc-server-write-timeout=10000h",  # of one call: a large file over a slow line
        ]
        self._daemon = Daemon(self._processes, state, arguments, self._calls.answers)

    def facts(self, fs: str) -> Facts:
        """What the folder is and can do; asked once. fs as in all of these: "s3:bucket/photos"."""
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
            self._list_anyway(fs, config)
            raise
        if remote_name(info) != base_name(fs):  # an alias, resolved
            kind, section = self._configured(fs, remote_name(info))
        wraps = kind in WRAPPERS and section.get("remote")
        return make_facts(info, kind, atomic=self.facts(section["remote"]).atomic if wraps else kind in ATOMIC)

    def _list_anyway(self, fs: str, config: dict[str, Any]) -> None:
        """Have the store say itself what is wrong: rclone takes every S3 folder for a file when the server cannot be
        reached or does not accept the keys. Raises TransferError."""
        folder = parse_location(fs)
        if isinstance(folder, Remote):
            root = f"{folder.remote}:"
            self._call("operations/list", fs, fs=root, remote=folder.path, opt={"noModTime": True}, _config=config)

    def _configured(self, fs: str, name: str) -> tuple[str, dict[str, Any]]:
        section = self._call("config/get", fs, name=name)
        return kind_of(name, section), section

    def list(self, fs: str, patterns: Sequence[str]) -> Iterator[Entry]:
        """All files below, as they come. patterns: rclone's filter rules. Raises TransferError, at the end when only
        a part could be listed."""
        yield from self._lister.entries(fs, patterns, self.facts(fs))

    def stat(self, fs: str, path: str) -> Entry | None:
        """The same of one file that list() says of it; None when it is not there."""
        facts = self.facts(fs)
        options = {"filesOnly": True, "noMimeType": True, "showHash": facts.hash}
        item = self._call("operations/stat", fs, path, remote=path, opt=options)["item"]
        return None if item is None else parse_entry(item, whole_seconds=facts.whole_seconds)

    def is_folder(self, fs: str, path: str) -> bool:
        """Whether there is a folder of this name."""
        answer = self._call("operations/stat", fs, path, remote=path, opt={"dirsOnly": True})
        return answer["item"] is not None

    def download(self, fs: str, path: str, file: Path) -> None:
        """Raises ChangedError when it is not there."""
        places = {"srcFs": fs, "srcRemote": path, "dstFs": str(file.parent.absolute()), "dstRemote": file.name}
        with self._transfers:
            try:
                self._call("operations/copyfile", fs, path, **places, **_config(replaces=True))
            except MissingError as error:
                raise self._ask_why_missing(fs, path, error) from None

    def download_by_id(self, fs: str, id: str, file: Path) -> None:  # noqa: A002
        """From Google Drive, where a name may belong to several files. Raises ChangedError when it is not there."""
        with self._transfers:
            try:
                self._call("backend/command", fs, id, fs=fs, command="copyid", arg=[id, str(file.absolute())])
            except MissingError:
                raise ChangedError(f"{shown(fs)} has no file with the id {id}.") from None

    def upload(self, file: Path, fs: str, path: str) -> None:
        """To its final name, and in the place of what is there; where a store is not atomic, half of it can be seen."""
        source = {"srcFs": str(file.parent.absolute()), "srcRemote": file.name}
        with self._transfers:
            config = _config(replaces=self.facts(fs).kind in REPLACING)
            self._call("operations/copyfile", fs, path, **source, dstFs=fs, dstRemote=path, **config)

    def copy(self, fs: str, path: str, target_fs: str, target: str) -> None:
        """On the server where it can, else through this machine. Raises ChangedError when it is not there."""
        self._put("operations/copyfile", fs, path, target_fs, target)

    def move(self, fs: str, path: str, target_fs: str, target: str) -> None:
        """As copy."""
        self._put("operations/movefile", fs, path, target_fs, target)

    def _put(self, command: str, fs: str, path: str, target_fs: str, target: str) -> None:
        places = {"srcFs": fs, "srcRemote": path, "dstFs": target_fs, "dstRemote": target}
        with self._transfers:
            config = _config(replaces=self.facts(target_fs).kind in REPLACING)
            try:
                self._call(command, fs, path, **places, **config)
            except MissingError as error:
                raise self._ask_why_missing(fs, path, error) from None

    def make_folder(self, fs: str, path: str) -> None:
        """With those above it; nothing when it is there."""
        self._call("operations/mkdir", fs, path, remote=path)

    def delete(self, fs: str, path: str) -> None:
        """A file; nothing when it is not there."""
        try:
            self._call("operations/deletefile", fs, path, remote=path)
        except MissingError:
            return

    def purge(self, fs: str, path: str) -> None:
        """A folder and all in it; nothing when it is not there."""
        try:
            self._call("operations/purge", fs, path, remote=path)
        except MissingError:
            return

    def forget(self) -> None:
        """What rclone remembers of folders: somebody else may have removed them."""
        self._call("fscache/clear", "")

    def close(self) -> None:
        """End rclone; calls under way fail with TransferError. Nothing when it has ended."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
        self._lister.close()
        self._daemon.close()
        self._calls.close()
        self._processes.close()

    def _call(self, command: str, place: str, path: str = "", /, **parameters: Any) -> dict[str, Any]:
        """Wait for the server, ask it, and say in one sentence about that place what went wrong."""
        parameters.setdefault("fs", place)
        if place in self._facts:  # rclone forgets how it was told to treat a remote, and makes it anew
            parameters["_config"] = {"LowLevelRetries": tries(self._facts[place].kind)} | parameters.get("_config", {})
        _check_names(parameters, place, path)
        number = self._daemon.wait()
        try:
            try:
                return self._calls.call(command, parameters)
            except NoServerError:  # it has just died
                self._daemon.lost(number)
                number = self._daemon.wait()
                return self._calls.call(command, parameters)
        except CallError as error:
            if TAKEN_FOR_FILE in error.text:  # which rclone would remember, though it may have been an outage
                self.forget()
            raise explain(error.text, place, path) from None
        except (NoServerError, OSError, http.client.HTTPException):
            self._daemon.lost(number)
            raise TransferError(
                f"{shown(place, path)}: rclone ended in the middle of the work; it is tried again.", transient=True
            ) from None

    def _ask_why_missing(self, fs: str, path: str, error: MissingError) -> Exception:
        """What is missing may be the source, or a folder of the target."""
        return ChangedError(f"{shown(fs, path)} is not there.") if self.stat(fs, path) is None else error


def _config(*, replaces: bool) -> dict[str, Any]:
    """For one call: whether rclone need not look first for what is in the place."""
    return {"_config": {"NoCheckDest": True}} if replaces else {}


def _check_names(parameters: dict[str, Any], place: str, path: str) -> None:
    """JSON has no bytes that are no UTF-8: rclone would take them for another name."""
    for value in parameters.values():
        if isinstance(value, str) and not value.isascii() and _UNPAIRED.search(value):
            raise TransferError(
                f"{shown(place, path)}: the name is not valid UTF-8, which rclone cannot transfer.", transient=False
            )
