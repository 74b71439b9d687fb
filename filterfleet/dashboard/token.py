"""The token of a page: whoever has it may see and order everything that the page can."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
from pathlib import Path

from filterfleet.common.errors import FleetError
from filterfleet.common.ours import file_in, own_folder

TOKEN = "dashboard.token"  # noqa: S105 - the name of the file, in the state folder
_SHAPE = re.compile(r"[A-Za-z0-9_-]{32,128}")


def token_in(state: Path) -> str:
    """The token in a state folder, which is made the first time, for this user alone. So an address that somebody has
    kept still works after a restart; remove the file for another token. Raises FleetError."""
    with own_folder(state) as folder:
        descriptor = file_in(folder, TOKEN, state / TOKEN)
    with contextlib.closing(os.fdopen(descriptor, "r+b")) as file:
        try:
            text = file.read(256).decode("ascii", "replace").strip()
            if not text:
                text = secrets.token_urlsafe(24)
                file.write(f"{text}\n".encode())
        except OSError as error:
            raise FleetError(f"{state / TOKEN} cannot be written: {error.strerror}.") from None
    if not _SHAPE.fullmatch(text):
        raise FleetError(f"{state / TOKEN} has no token in it: remove it, and a new one is made.")
    return text
