"""Where a source or an output is, as the user writes it: a folder of this machine, or REMOTE:PATH in a cloud."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from filterfleet.common.errors import FleetError

# The syntax is rclone's: the name of a remote, or a colon and the name of a backend, then options, then a colon.
# A single letter is a remote's name too; rclone takes it for a drive only on Windows.
_REMOTE = re.compile(r"(?P<remote>:?[\w.+@][\w.+@ -]*(?:,[^:/]*)?):(?P<path>.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Remote:
    """A folder that rclone can reach.

    remote has no colon at its end, path no slash. A path with a slash at its beginning starts at the server's root; any
    other path starts where the server puts its user, often in a home folder.
    """

    remote: str
    path: str

    def __str__(self) -> str:
        return f"{self.remote}:{self.path}"


Location = Path | Remote


def parse_location(text: str) -> Location:
    """A name with a colon before its first slash belongs to a remote, as in rclone; ./a:b is a local folder.

    Raises FleetError for a remote's path with '..', which nothing would resolve.
    """
    found = _REMOTE.fullmatch(text)
    if found is None:
        return Path(text)
    parts = [part for part in found["path"].split("/") if part not in ("", ".")]
    if ".." in parts:
        raise FleetError(f"{text} has '..' in it, which means nothing in a remote: write the path without it.")
    return Remote(found["remote"], "/" * found["path"].startswith("/") + "/".join(parts))


def check_locations(source: str, output: str) -> tuple[Location, Location]:
    """Parse what the user wrote, and make local folders absolute.

    Raises FleetError unless the two can be a source and an output. Asks no remote anything.
    """
    parsed_source, parsed_output = parse_location(source), parse_location(output)
    if isinstance(parsed_source, Path) and isinstance(parsed_output, Path):
        return check_folders(parsed_source, parsed_output)
    if isinstance(parsed_source, Path):
        return check_source(parsed_source), parsed_output
    if isinstance(parsed_output, Path):
        return parsed_source, _real_path(parsed_output)
    check_roots(str(parsed_source), str(parsed_output))
    return parsed_source, parsed_output


def check_folders(source: Path, output: Path) -> tuple[Path, Path]:
    """check_locations() for two local folders."""
    source, output = check_source(source), _real_path(output)
    check_roots(str(source), str(output))
    return source, output


def check_source(source: Path) -> Path:
    """The absolute path of a local source. Raises FleetError unless it is a folder that can be read."""
    if not os.path.exists(source):  # noqa: PTH110 - Path.exists() raises for a name that no file can have
        raise FleetError(f"The source folder {source} does not exist.")
    if not source.is_dir():
        raise FleetError(f"The source {source} is not a folder.")
    if not os.access(source, os.R_OK | os.X_OK):
        raise FleetError(f"The source folder {source} cannot be read.")
    return _real_path(source)


def check_roots(source: str, output: str) -> None:
    """Raises FleetError when one of two places is the other or lies in it. Places are paths, or a remote, a colon and a
    path."""
    one, other = (root if root.endswith((":", "/")) else f"{root}/" for root in (source, output))
    if one.startswith(other) or other.startswith(one):
        raise FleetError(
            f"The output folder {output} and the source folder {source} overlap: results would be taken "
            "for new images. Choose an output folder outside the source."
        )


def _real_path(folder: Path) -> Path:
    return Path(os.path.realpath(folder))  # unlike Path.resolve() it accepts links that lead in a circle
