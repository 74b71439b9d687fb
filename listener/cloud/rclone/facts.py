"""What kind of store a remote is and what it can do, derived from rclone's description of it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from filterfleet.listener.cloud.rclone.hidden import connection_of
from filterfleet.listener.cloud.settings import OTHER_STEP_TRIES, STEP_TRIES

# Kinds of store that show an object only once its upload is complete.
ATOMIC = frozenset(
    ("azureblob", "b2", "box", "drive", "dropbox", "google cloud storage", "onedrive", "oracleobjectstorage", "s3")
)
# Kinds of remote that show each file of another remote as one file.
WRAPPERS = frozenset({"alias", "crypt", "hasher"})
# Kinds of store where an upload replaces an existing object, so that rclone need not look for one first.
REPLACING = frozenset({"local", "s3", "google cloud storage", "azureblob", "b2", "sftp", "webdav", "swift"})
# Kinds of store where a file that is moved onto a folder replaces the folder and everything in it.
RUTHLESS = frozenset({"webdav"})


@dataclass(frozen=True, slots=True)
class Facts:
    """What matters of a remote's folder."""

    kind: str  # rclone's name of the backend: "s3", "drive", "sftp"...
    root: str  # the folder with every alias resolved; a path if it is on this machine
    atomic: bool  # an object appears only when it is complete
    can_move: bool  # on the server
    can_copy: bool  # on the server
    duplicates: bool  # several files may share one name
    hash: bool  # a listing tells hashes at no extra cost
    folders: bool  # folders exist by themselves, and have to be made
    folds: bool = False  # names that differ in capitals alone mean one file
    whole_seconds: bool = False  # only listings tell fractions of a second, looks at one object do not


def make_facts(info: Mapping[str, Any], kind: str, *, atomic: bool) -> Facts:
    """info: the answer of operations/fsinfo."""
    features = info["Features"]
    name, root = str(info["Name"]), str(info["Root"])
    name = name if name.startswith(":") else remote_name(info)  # a remote without a name is told apart by its options
    return Facts(
        kind=kind,
        root=root if features["IsLocal"] else f"{name}:{root.rstrip('/')}",
        atomic=atomic,
        can_move=features["Move"],
        can_copy=features["Copy"],
        duplicates=features["DuplicateFiles"],
        # S3 keeps the hash of an object uploaded in parts in its metadata, which costs a request for each object.
        hash=bool(info.get("Hashes")) and not features["SlowHash"] and kind != "s3",
        folders=features["CanHaveEmptyDirectories"],
        folds=features["CaseInsensitive"],
        whole_seconds=features["BucketBased"],
    )


def tries(kind: str) -> int:
    """How often rclone tries each step of a transfer to a store of this kind."""
    return STEP_TRIES.get(kind, OTHER_STEP_TRIES)


def remote_name(info: Mapping[str, Any]) -> str:
    """The remote's name without the mark that rclone appends when it has options of its own."""
    return str(info["Name"]).partition("{")[0]


def base_name(fs: str) -> str:
    """The remote's name in "name,option=value:path".

    It begins with a colon for a backend without a configuration, and is empty for a local folder.
    """
    if (connection := connection_of(fs)) is not None:
        return connection.name
    head, colon, _ = fs.partition(":")  # no name that rclone allows
    return head if colon and "/" not in head else ""


def options_of(fs: str) -> dict[str, str]:
    """The options in "name,option=value:path"."""
    connection = connection_of(fs)
    return {} if connection is None else {option.name: option.value for option in connection.options}


def kind_of(name: str, config: Mapping[str, Any]) -> str:
    """A remote's kind: from its section of the configuration, from the environment, or from its own name."""
    if name.startswith(":") or not name:
        return name.lstrip(":") or "local"
    variable = f"RCLONE_CONFIG_{name}_TYPE".upper().replace("-", "_")
    return str(config.get("type") or os.environ.get(variable) or ("local" if name == "local" else "unknown"))
