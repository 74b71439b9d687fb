"""Other installations of filterfleet, which a shell or a unit may start instead of this one."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from filterfleet.common.process.system import VERSION
from filterfleet.common.text import one_line, printable
from filterfleet.doctor.finding import Finding, ok, warning

CHECK = "installation"
PATIENCE = 20.0  # seconds that a program has to tell its version


def check_programs(path: str) -> Iterator[Finding]:
    """path: folders, as in PATH."""
    found = {program: _version(program) for program in programs(path)}
    others = {program: told for program, told in found.items() if told != f"filterfleet {VERSION}"}
    for program, told in others.items():
        what = f"is another version: it says {one_line(told, 80)!r}" if told else "does not run: it tells no version"
        yield warning(
            CHECK,
            f"{printable(str(program))} {what}, and this is {VERSION}.",
            "Upgrade or remove it: units and shells start the first one that they find.",
        )
    if not others:
        yield ok(CHECK, f"This is filterfleet {VERSION}, and no other version is on PATH.")


def programs(path: str) -> list[Path]:
    """Each program of this name that can be run, once, in the order in which a shell finds them."""
    found: dict[Path, Path] = {}
    for folder in path.split(os.pathsep):
        program = Path(folder or ".", "filterfleet")
        if os.path.isfile(program) and os.access(program, os.X_OK):  # noqa: PTH113 - a Path raises PermissionError
            found.setdefault(program.resolve(), program)
    return list(found.values())


def _version(program: Path) -> str:
    """What it says of its version; empty if it does not run."""
    try:
        done = subprocess.run(
            [str(program.absolute()), "--version"],
            check=False,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PATIENCE,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip()
