"""The same test with root's rights and with those of an ordinary user."""

from __future__ import annotations

import contextlib
import os
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


@contextlib.contextmanager
def open_folder() -> Iterator[Path]:
    """A temporary folder that every user can enter. pytest keeps its own to the user who runs it, and closes them again
    whenever another pytest starts."""
    with tempfile.TemporaryDirectory(prefix="filterfleet-test-") as name:
        Path(name).chmod(0o711)
        yield Path(name)
