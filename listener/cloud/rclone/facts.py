"""What a remote is and can do, from what rclone says about it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# Stores that show an object only once it is complete.
ATOMIC = frozenset(
    ("azureblob", "b2", "box", "drive", "dropbox", "google cloud storage", "onedrive", "oracleobjectstorage", "s3")
)
# What shows the files of one other remote, each as one file there.
WRAPPERS = frozenset({"alias", "crypt", "hasher"})
# Stores where a new object takes the place of the one before, so that nobody need look for that first.
REPLACING = frozenset({"local", "s3", "google cloud storage", "azureblob", "b2", "sftp", "webdav", "swift"})

# Tries of a request: more where people are refused for their haste; S3's library doubles them by itself.
_TRIES = {"s3": 1, "drive": 4, "onedrive": 4, "dropbox": 4, "box": 4}


def tries(kind: str) -> int:
    """How often rclone tries each step of a call: it decides how long a server can be away until anybody hears of it,
    for who calls us tries again for hours. With three, an upload to S3 took 108 s to fail in a network that swallows
    everything, with one it is 10."""
    return _TRIES.get(kind, 2)


# Stores where a file that is moved onto a folder takes the place of that and of all that is in it.
RUTHLESS = frozenset({"webdav"})


@dataclass(frozen=True, slots=True)
class Facts:
    """kind: "s3", "drive", "sftp"...; root: what the folder really is, an alias resolved,
    a path when it is on this machine; atomic: objects appear when
    they are complete; can_move, can_copy: on the server; duplicates: several files may have one name; hash: listings
    have one at no further cost; folders: they have to be made; whole_seconds: a listing may say more of a time than a
    look at one object."""

    kind: str
    root: str
    atomic: bool
    can_move: bool
    can_copy: bool
    duplicates: bool
    hash: bool
    folders: bool
    whole_seconds: bool = False


def make_facts(info: Mapping[str, Any], kind: str, *, atomic: bool) -> Facts:
    """info: the answer of operations/fsinfo."""
    features = info["Features"]
    name, root = str(info["Name"]), str(info["Root"])
    name = name if name.startswith(":") else remote_name(info)  # a nameless one is known by its options alone
    return Facts(
        kind=kind,
        root=root if features["IsLocal"] else f"{name}:{root.rstrip('/')}",
        atomic=atomic,
        can_move=features["Move"],
        can_copy=features["Copy"],
        duplicates=features["DuplicateFiles"],
        # S3 has the hash of an object that came in parts in its metadata only: another request for each
        hash=bool(info.get("Hashes")) and not features["SlowHash"] and kind != "s3",
        folders=features["CanHaveEmptyDirectories"],
        whole_seconds=features["BucketBased"],
    )


def remote_name(info: Mapping[str, Any]) -> str:
    """Without the mark that rclone gives to one with options of its own."""
    return str(info["Name"]).partition("{")[0]


def base_name(fs: str) -> str:
    """The remote's name in "name,option=value:path"; with a colon before it for a backend without a configuration, and
    nothing for a local folder."""
    colon = ":" if fs.startswith(":") else ""
    head, found, _ = fs.removeprefix(":").partition(":")
    return colon + head.partition(",")[0] if found and "/" not in head.partition(",")[0] else ""


def kind_of(name: str, config: Mapping[str, Any]) -> str:
    """A remote's backend: by its section of the configuration, by the environment, or by its own name."""
    if name.startswith(":") or not name:
        return name.lstrip(":") or "local"
    variable = f"RCLONE_CONFIG_{name}_TYPE".upper().replace("-", "_")
    return str(config.get("type") or os.environ.get(variable) or ("local" if name == "local" else "unknown"))
