"""Where a source or an output is, as the user writes it: a folder here, or REMOTE:PATH for one in a cloud."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from filterfleet.common.errors import FleetError

# As rclone has it: a remote's name, or a backend's behind a colon, then options; a colon ends it. A name of one letter
# is a remote here: this is no Windows.
_REMOTE = re.compile(r"(?P<remote>:?[\w.+@][\w.+@ -]*(?:,[^:/]*)?):(?P<path>.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Remote:
    """A folder that rclone knows: remote without its colon, and the path there without slashes at its end. One that
    begins with a slash begins at the root of a server, else perhaps in this user's folder."""

    remote: str
    path: str

    def __str__(self) -> str:
        return f"{self.remote}:{self.path}"


Location = Path | Remote


def parse_location(text: str) -> Location:
    """A name with a colon before its first slash is a remote's, as for rclone; ./a:b is a local folder.

    Raises FleetError for a path with '..' in a remote, where nothing would resolve it.
    """
    found = _REMOTE.fullmatch(text)
    if found is None:
        return Path(text)
    parts = [part for part in found["path"].split("/") if part not in ("", ".")]
    if ".." in parts:
        raise FleetError(f"{text} has '..' in it, which means nothing in a remote: write the path without it.")
    return Remote(found["remote"], "/" * found["path"].startswith("/") + "/".join(parts))
