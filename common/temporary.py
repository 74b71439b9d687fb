"""The folder where large files wait: that of $TMPDIR, or the one that Python takes instead, without a word."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path
from typing import NamedTuple

from filterfleet.common.logs import Logger


class PassedOver(NamedTuple):
    """Large files wait in another folder than $TMPDIR names; reason says why."""

    named: Path
    reason: str
    instead: Path


def passed_over() -> PassedOver | None:
    """None where $TMPDIR names no folder, or one that is used. Raises OSError when there is no folder at all."""
    named, used = os.environ.get("TMPDIR"), Path(tempfile.gettempdir())
    if not named or Path(os.path.abspath(named)) == used:  # noqa: PTH100 - as tempfile makes it, with links as they are
        return None
    try:
        descriptor, name = tempfile.mkstemp(dir=named)
        try:
            os.write(descriptor, b"x")  # a full disk takes the name of a file, and nothing that is in it
        finally:
            os.close(descriptor)
            Path(name).unlink()
    except OSError as error:
        return PassedOver(Path(named), error.strerror or str(error), used)
    return None


def warn_if_passed_over(log: Logger) -> None:
    """A daemon says so at its start, when somebody looks."""
    with contextlib.suppress(OSError):  # there is no folder at all: each large file will say so
        if (passed := passed_over()) is not None:
            log.warning(
                "TMPDIR cannot be used", folder=str(passed.named), reason=passed.reason, instead=str(passed.instead)
            )
