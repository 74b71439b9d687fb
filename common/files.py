"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from filterfleet.common.blob import Blob, parts


def write_atomically(target: Path, data: Blob, scratch: Path) -> None:
    """Write data to a file in scratch (on the same filesystem), make it durable, then rename it to target.

    A reader of target sees the old file or the new one and never a part, even after a power cut. Missing parent folders
    are made. Raises OSError. It leaves no temporary file behind unless the process dies, so the owner of scratch calls
    sweep() when it starts.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch.mkdir(parents=True, exist_ok=True)
    temporary = scratch / secrets.token_hex(8)  # the target's own name may already be 255 bytes long
    try:
        with temporary.open("wb", buffering=0) as file:
            for part in parts(data):
                view = memoryview(part)
                while view:
                    view = view[file.write(view) :]
            os.fsync(file.fileno())
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def sweep(scratch: Path) -> None:
    """Remove the files that a killed process left in its scratch folder."""
    if scratch.is_dir():
        for leftover in scratch.iterdir():
            leftover.unlink(missing_ok=True)
