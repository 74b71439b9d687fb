"""Where a listener keeps its ledger, its locks and its temporary files."""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path

from filterfleet.common.errors import FleetError
from filterfleet.listener.settings.location import Location, Remote, full_text

PRIVATE = ".filterfleet"  # our own folder below an output's root; nothing in it is a result
LOCK = "lock"  # in it: the file that says that a listener writes to the output


def state_folder(source: Location, output: Location, state: Path | None) -> Path:
    """The folder for the ledger and everything else that belongs to this pair of source and output.

    It is the folder the user chose (state), else PRIVATE in a local output, else one below this user's state folder,
    whose name comes from source and output.
    """
    if state is not None:
        return Path(os.path.realpath(state))  # from here on, no link is followed
    if isinstance(output, Path):
        return output / PRIVATE
    users = Path(os.path.realpath(_users_folder()))
    folder = users / digest(f"{source}\n{output}")
    # Earlier versions made the name from secrets as well.
    earlier = users / digest(f"{full_text(source)}\n{full_text(output)}")
    if earlier.is_dir() and not folder.exists():
        with contextlib.suppress(OSError):
            earlier.rename(folder)
    return folder


def output_lock(output: Remote) -> Path:
    """The file that this user's listeners lock before they write to a remote output."""
    return Path(os.path.realpath(_users_folder())) / "outputs" / digest(str(output))


def source_lock(source: Location) -> Path:
    """The file that listeners lock before they take images away from a source: for a remote, those of this user."""
    if isinstance(source, Path):
        return source / PRIVATE / LOCK
    return Path(os.path.realpath(_users_folder())) / "sources" / digest(str(source))


def digest(text: str) -> str:
    """16 hexadecimal digits that stand for this text."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def state_folders() -> list[Path]:
    """The state folders below this user's, which are those of listeners with a remote output and no folder of their
    own."""
    try:
        return [entry for entry in sorted(Path(os.path.realpath(_users_folder())).iterdir()) if entry.is_dir()]
    except (OSError, FleetError):
        return []


def _users_folder() -> Path:
    """$STATE_DIRECTORY, which a service manager sets, else where the XDG Base Directory Specification says. Raises
    FleetError for a user without a home, as in a container."""
    if of_service := os.environ.get("STATE_DIRECTORY"):
        return Path(of_service.split(":")[0])
    try:
        return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "filterfleet"
    except RuntimeError:
        raise FleetError(
            "This user has no home folder: set XDG_STATE_HOME to a folder for ledgers and locks."
        ) from None
