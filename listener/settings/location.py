"""Where a source or an output is, as the user writes it: a folder of this machine, or REMOTE:PATH in a cloud."""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from filterfleet.common.errors import FleetError
from filterfleet.common.home import from_home
from filterfleet.common.text import printable
from filterfleet.listener.settings.connection import NoConnectionError, mask, parse_connection

_ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP})


@dataclass(frozen=True, slots=True)
class Remote:
    """A folder that rclone can reach.

    remote has no colon at its end, path no slash. A path with a slash at its beginning starts at the server's root; any
    other path starts where the server puts its user, often in a home folder.
    """

    remote: str
    path: str

    @property
    def fs(self) -> str:
        """As rclone takes it. The options in it may be secrets: it must not get into a log, a file or an argument."""
        return f"{self.remote}:{self.path}"

    def __str__(self) -> str:
        """Without secrets, and the same for every key or password of one store."""
        return mask(self.fs)

    __repr__ = __str__


Location = Path | Remote


def full_text(place: Location) -> str:
    """The place as parse_location() takes it, secrets and all."""
    return place.fs if isinstance(place, Remote) else str(place)


def parse_location(text: str) -> Location:
    """A name with a colon before its first slash belongs to a remote, as in rclone; ./a:b is a local folder. A single
    letter is a remote's name too: rclone takes it for a drive only on Windows. ~/ is the home folder.

    Raises FleetError for options that rclone does not understand, for a remote's path with '..', which nothing would
    resolve, and for ~ where there is no home.
    """
    try:
        found = parse_connection(text)
    except NoConnectionError:
        raise FleetError(
            f"rclone does not understand the options in {printable(mask(text))}: write NAME,OPTION=VALUE:PATH, with "
            "quotes around a value that has a colon or a comma in it. A local folder of this name needs ./ before it."
        ) from None
    if found is None:
        return from_home(text)
    parts = [part for part in found.path.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise FleetError(f"{mask(text)} has '..' in it, which means nothing in a remote: write the path without it.")
    remote = text[: len(text) - len(found.path) - 1]
    return Remote(remote, "/" * found.path.startswith("/") + "/".join(parts))


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
        return parsed_source, _check_output(parsed_output)
    check_roots(parsed_source.fs, parsed_output.fs)
    return parsed_source, parsed_output


def check_folders(source: Path, output: Path) -> tuple[Path, Path]:
    """check_locations() for two local folders."""
    source, output = check_source(source), _check_output(output)
    check_roots(str(source), str(output))
    return source, output


def check_source(source: Path) -> Path:
    """The absolute path of a local source. Raises FleetError unless it is a folder that can be read."""
    try:
        mode = source.stat().st_mode
    except ValueError:  # a name that no file can have
        raise FleetError(f"The source folder {source} does not exist.") from None
    except OSError as error:
        if error.errno in _ABSENT:
            raise FleetError(f"The source folder {source} does not exist.") from None
        # A folder above it is closed to this user, say.
        raise FleetError(f"The source folder {source} cannot be reached: {error.strerror}.") from None
    if not stat.S_ISDIR(mode):
        raise FleetError(f"The source {source} is not a folder.")
    if not os.access(source, os.R_OK | os.X_OK):
        raise FleetError(f"The source folder {source} cannot be read.")
    return _real_path(source)


def _check_output(output: Path) -> Path:
    """The absolute path of a local output, which need not exist yet. Raises FleetError if it is something else than a
    folder."""
    if os.path.exists(output) and not os.path.isdir(output):  # noqa: PTH110, PTH112 - what cannot be seen is seen later
        raise FleetError(f"The output {output} is not a folder.")
    return _real_path(output)


def check_roots(source: str, output: str) -> None:
    """Raises FleetError when one of two places is the other or lies in it. Places are paths, or a remote, a colon and a
    path."""
    one, other = (root if root.endswith((":", "/")) else f"{root}/" for root in (source, output))
    if one.startswith(other) or other.startswith(one):
        raise FleetError(
            f"The output folder {mask(output)} and the source folder {mask(source)} overlap: results would be taken "
            "for new images. Choose an output folder outside the source."
        )


def _real_path(folder: Path) -> Path:
    return Path(os.path.realpath(folder))  # unlike Path.resolve() it accepts links that lead in a circle
