"""The same test with root's rights and with those of an ordinary user."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

NOBODY, STRANGER = 65534, 65533  # users who need not exist


@contextlib.contextmanager
def acting_as(user: int) -> Iterator[None]:
    """Have this process act with the rights of another user. Only root can."""
    os.setegid(user)
    os.seteuid(user)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


def let_in(folder: Path) -> None:
    """Let every user come as far as this folder below $TMPDIR. pytest keeps its folders to the user who runs it."""
    for parent in (folder, *folder.parents):
        if Path(tempfile.gettempdir()) in parent.parents:
            parent.chmod(parent.stat().st_mode | stat.S_IXOTH)
