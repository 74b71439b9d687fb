"""The room that we have in a share: a folder of our own with the share's secret and folders for outputs.

Only the user who runs listener and workers can enter it. A worker of another user, or of a share that only looks like
this one, cannot read the secret, and gets its images in messages.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path

from filterfleet.common.errors import FleetError
from filterfleet.common.opening import opened, opened_below, read_file
from filterfleet.common.ours import own_room
from filterfleet.common.private import FILE
from filterfleet.common.shares.names import Share
from filterfleet.common.shares.reference import SECRET_SIZE
from filterfleet.common.text import printable

ROOM = (".filterfleet", "share")  # the folders, one in the other, below the folder of a share
_KEY = "key"
_KERNEL = "/proc/sys/kernel/random/boot_id"


def make_room(share: Share) -> None:
    """Make the room of a share, for us alone, or check the one that is there. Raises FleetError."""
    folder = Path(share.folder)
    if not folder.is_dir():  # what is to be mounted there may be missing
        raise FleetError(f"The share {share.name} has no folder {printable(share.folder)}: make or mount it.")
    own_room(folder / ROOM[0], *ROOM[1:])


@contextlib.contextmanager
def room_of(share: Share, folder: str = "") -> Iterator[int]:
    """A descriptor of the room, or of a folder in it. No link is followed to it. Raises OSError, also when others could
    write there."""
    with opened(share.folder) as root, opened_below(root, "/".join([*ROOM, folder])) as room:
        _check(os.fstat(room))
        yield room


def secret_of(share: Share) -> bytes:
    """The secret that the listener has left. Raises OSError when there is none, or none that is ours."""
    with room_of(share) as room:
        secret = read_file(_KEY, SECRET_SIZE, folder=room, links=False)
    if len(secret) != SECRET_SIZE:
        raise OSError(0, "the secret of the share is not complete")
    return secret


def make_secret(share: Share) -> bytes:
    """The secret of a share, which is made if it is missing. Raises OSError."""
    with room_of(share) as room:
        with contextlib.suppress(FileNotFoundError):
            return secret_of(share)
        temporary = secrets.token_hex(8)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE, dir_fd=room)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(secrets.token_bytes(SECRET_SIZE))
            with contextlib.suppress(FileExistsError):  # the other listener's counts
                os.link(temporary, _KEY, src_dir_fd=room, dst_dir_fd=room)
        finally:
            os.unlink(temporary, dir_fd=room)
    return secret_of(share)


def kernel() -> str:
    """The boot id of this machine; empty where the system has none."""
    with contextlib.suppress(OSError), open(_KERNEL, encoding="ascii") as file:  # noqa: PTH123
        return file.read().strip()
    return ""


def _check(found: os.stat_result) -> None:
    if found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o077:
        raise PermissionError(1, "the room of the share is not ours alone")
