"""Shares as their user names them, and the paths in them. Nothing here looks at a file."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from filterfleet.common.errors import FleetError
from filterfleet.common.text import printable

READ_ONLY = ":ro"  # behind the folder of a share that is only read
PATH_LIMIT = 4096  # bytes of a path in a share: PATH_MAX of Linux

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")


@dataclass(frozen=True, slots=True)
class Share:
    """The folder that this machine sees under the name of a share. Nothing is written to a read-only one."""

    name: str
    folder: str
    read_only: bool = False

    def __str__(self) -> str:
        """As parse_shares() takes it."""
        return f"{self.name}={self.folder}{READ_ONLY * self.read_only}"


def parse_shares(texts: Iterable[str]) -> dict[str, Share]:
    """The shares of the option --share, NAME=DIR or NAME=DIR:ro each, by name. Raises FleetError."""
    shares: dict[str, Share] = {}
    for text in texts:
        name, equals, folder = text.partition("=")
        read_only = folder.endswith(READ_ONLY)
        folder = folder.removesuffix(READ_ONLY) if read_only else folder
        if not equals or not _NAME.fullmatch(name) or not folder.startswith("/"):
            raise FleetError(
                f"--share {printable(text)} is not NAME=DIR: NAME has small letters, digits, dots, dashes and "
                f"underscores, and DIR is an absolute path. NAME=DIR{READ_ONLY} is a share that is only read."
            )
        if name in shares:
            raise FleetError(f"--share names {name} twice: give each folder a name of its own.")
        shares[name] = Share(name, folder.rstrip("/") or "/", read_only)
    return shares


def share_of(shares: Iterable[Share], folder: str) -> tuple[Share, str] | None:
    """The innermost share that holds a folder, and the path of the folder in it. Both paths are absolute, without links
    and dots."""
    holding = [share for share in shares if f"{folder}/".startswith(f"{share.folder.rstrip('/')}/")]
    if not holding:
        return None
    share = max(holding, key=lambda share: len(share.folder))
    return share, folder[len(share.folder.rstrip("/")) :].strip("/")


def is_inside(path: str) -> bool:
    """Whether each part of a path leads further into a folder, so that it cannot lead out if there are no links."""
    return len(path) <= PATH_LIMIT and "\0" not in path and not {"", ".", ".."} & set(path.split("/"))
