"""filterfleet.toml as text: where it is looked for, what it holds, and on which line each key stands."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from filterfleet.common.config.tables import DAEMONS, STANDARD_READERS
from filterfleet.common.errors import FleetError
from filterfleet.common.home import from_home
from filterfleet.common.opening import check_file
from filterfleet.common.text import printable, size_text, toml_mistake

VARIABLE = "FILTERFLEET_CONFIG"
# Never the working directory: whoever may write there would choose what a daemon does.
STANDARD = Path("/etc/filterfleet/filterfleet.toml")

# Bytes. Every setting with its comments takes a fiftieth of that; a disk image that was named by mistake takes more.
LARGEST = 1 << 20

_OUT_OF_BOUNDS = "a number has thousands of digits, or lists are nested too deeply"
_KEY = r"""(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')"""
_HEADER = re.compile(rf"\s*\[\s*({_KEY})\s*\]")
_ENTRY = re.compile(rf"\s*({_KEY})(?:\s*\.\s*({_KEY}))?\s*=")


@dataclass(frozen=True, slots=True)
class File:
    """What a file says. lines: by table and key, from 1; the key of a table itself is ""."""

    path: Path | None = None
    tables: Mapping[str, Any] = field(default_factory=dict)
    lines: Mapping[tuple[str, str], int] = field(default_factory=dict)

    def place(self, table: str, key: str = "") -> str:
        """Where that stands, for a sentence."""
        line = self.lines.get((table, key)) or self.lines.get((table, ""))
        return f"{printable(str(self.path))}{f', line {line}' if line else ''}"


def choose(flag: Path | None, environment: Mapping[str, str], standard: Path | None) -> Path | None:
    """The file to read: the flag's, the variable's, or the standard one."""
    if flag is not None:
        return flag
    return from_home(named) if (named := environment.get(VARIABLE)) else standard


def standard_for(command: str) -> Path | None:
    """Where a command looks that was told of no file. A daemon that may not read it has to say so; other commands of
    other users do without."""
    if command not in STANDARD_READERS:
        return None
    if command not in DAEMONS:
        return STANDARD if os.access(STANDARD, os.R_OK) else None
    try:
        STANDARD.lstat()  # a link that leads nowhere is a file that cannot be read
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError:  # its folder is closed to this user, say
        pass
    return STANDARD


def read(path: Path | None) -> File:
    """Raises FleetError for a file that cannot be read, or is not TOML."""
    if path is None:
        return File()
    try:
        with path.open("rb") as opened:
            data = opened.read(LARGEST + 1)
        if len(data) > LARGEST:
            shown = printable(str(path))
            raise FleetError(f"The settings {shown} have more than {size_text(LARGEST)}: name another file.")
        text = data.decode("utf-8-sig")  # some editors mark UTF-8 with three bytes at the beginning
        return File(path, tomllib.loads(text), _lines(text))
    except OSError as error:
        raise FleetError(f"The settings {printable(str(path))} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise FleetError(
            f"The settings {printable(str(path))} are not text in UTF-8, from line {line} on: store the file as UTF-8."
        ) from None
    except (ValueError, RecursionError) as error:  # ValueError: TOMLDecodeError, and a number of thousands of digits
        said = toml_mistake(error) if isinstance(error, tomllib.TOMLDecodeError) else _OUT_OF_BOUNDS
        raise FleetError(f"The settings {printable(str(path))} are not TOML: {said}.") from None


def read_again(path: Path | None) -> File:
    """read() for a daemon that runs. It must not wait, as it would for a pipe whose writer has gone: a shell's
    `--config <(...)`. Raises FleetError."""
    if path is not None:
        try:
            check_file(path)
        except OSError as error:
            raise FleetError(f"The settings {printable(str(path))} cannot be read: {error.strerror}.") from None
    return read(path)


def _lines(text: str) -> dict[tuple[str, str], int]:
    """A line within a text of several lines may be taken for a key: the first one counts."""
    found: dict[tuple[str, str], int] = {}
    table = ""
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.match(line):
            table = _bare(header[1])
            found.setdefault((table, ""), number)
        elif entry := _ENTRY.match(line):
            first, second = _bare(entry[1]), _bare(entry[2] or "")
            if table:
                found.setdefault((table, first), number)
            else:
                found.setdefault((first, second), number)
                found.setdefault((first, ""), number)
    return found


def _bare(key: str) -> str:
    return key[1:-1] if key[:1] in ("'", '"') else key
