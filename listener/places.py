"""Where a source, an output and the listener's own state are, and whether they can be used together."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from filterfleet.common.errors import FleetError
from filterfleet.common.jobs.recipe import Recipe
from filterfleet.listener.ledger.ledger import Ledger
from filterfleet.listener.local.sink import PRIVATE
from filterfleet.listener.settings.location import Location, Remote, parse_location


def check_locations(source: str, output: str) -> tuple[Location, Location]:
    """Parse the source and the output that a user named. Local folders become absolute paths.

    Raises FleetError unless the two can be a source and an output. No cloud is asked.
    """
    there, here = parse_location(source), parse_location(output)
    if isinstance(there, Path) and isinstance(here, Path):
        return check_folders(there, here)
    if isinstance(there, Path):
        return check_source(there), here
    if isinstance(here, Path):
        return there, Path(os.path.realpath(here))
    check_roots(str(there), str(here))
    return there, here


def check_folders(source: Path, output: Path) -> tuple[Path, Path]:
    """check_locations for two local folders."""
    source, output = check_source(source), Path(os.path.realpath(output))  # no error for a loop of links
    check_roots(str(source), str(output))
    return source, output


def check_roots(source: str, output: str) -> None:
    """Raises FleetError when the two places are the same, or one is inside the other. A remote ends with a colon."""
    one, other = (root if root.endswith((":", "/")) else f"{root}/" for root in (source, output))
    if one.startswith(other) or other.startswith(one):
        raise FleetError(
            f"The output folder {output} and the source folder {source} overlap: results would be taken "
            "for new images. Choose an output folder outside the source."
        )


def check_source(source: Path) -> Path:
    """The absolute path of a local source. Raises FleetError."""
    if not os.path.exists(source):  # noqa: PTH110 - unlike Path.exists, it is False for a name that no file can have
        raise FleetError(f"The source folder {source} does not exist.")
    if not source.is_dir():
        raise FleetError(f"The source {source} is not a folder.")
    if not os.access(source, os.R_OK | os.X_OK):
        raise FleetError(f"The source folder {source} cannot be read.")
    return Path(os.path.realpath(source))


def state_folder(source: Location, output: Location, state: Path | None) -> Path:
    """The folder of the ledger and of everything else that belongs to this source and output.

    It is state if that is given, else a folder in a local output, else a folder of this user.
    """
    if state is not None:
        return state.absolute()
    if isinstance(output, Path):
        return output / PRIVATE
    return _base() / _name(f"{source}\n{output}")


def output_lock(output: Remote) -> Path:
    """The file that stands for a remote output among the listeners of this user."""
    return _base() / "outputs" / _name(str(output))


def open_ledger(source: Location, output: Location, state: Path | None, recipe: Recipe) -> Ledger:
    """The ledger of this source and output, which are as check_locations returned them. Raises FleetError."""
    return Ledger(state_folder(source, output, state) / "ledger.sqlite3", str(source), recipe.digest.hex())


def _name(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def _base() -> Path:
    """Service managers set STATE_DIRECTORY, and the XDG Base Directory Specification defines the other variable."""
    if of_service := os.environ.get("STATE_DIRECTORY"):
        return Path(of_service.split(":")[0])
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "filterfleet"
