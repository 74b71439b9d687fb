"""Paths below the home folder of a user."""

from __future__ import annotations

from pathlib import Path

from filterfleet.common.errors import FleetError


def from_home(text: str) -> Path:
    """The path that somebody has written, where ~/ at the beginning stands for his home folder, and ./~ for a folder of
    that name. Shells say so too, but leave `--output=~/out` alone, and nobody else would read a file of settings.

    Raises FleetError for a user without a home.
    """
    path = Path(text)
    if text != "~" and not text.startswith("~/"):
        return path
    try:
        return path.expanduser()
    except RuntimeError:
        raise FleetError(f"This user has no home folder, so {text} means nothing: write the whole path.") from None
