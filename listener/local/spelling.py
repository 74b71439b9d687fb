"""Names that differ in capitals alone, or in how accents are composed, on file systems that take them for one: those of
memory cards, of Windows and of macOS."""

from __future__ import annotations

import contextlib
import os
import secrets
import unicodedata
from collections.abc import Iterable, Iterator

from filterfleet.common.opening import opened_below


def may_fold(folder: int, name: str) -> bool:
    """Whether something is found in the folder under this name in other capitals. A look at its number would not tell
    whether it is the same file: FUSE gives each name one of its own."""
    other = "".join(letter.swapcase() if letter.isascii() else letter for letter in name)
    if other == name:
        return False
    try:
        os.stat(other, dir_fd=folder, follow_symlinks=False)
    except OSError:
        return False
    return True


def keeps_capitals(folder: int) -> bool:
    """Whether the file system of a folder of ours, which is open for reading, shows names as they were given. Some show
    all in small letters, or short ones in capitals."""
    token = secrets.token_hex(3)
    names = {f"A{token}.TMP".upper(), f"b{token}.Tmp"}
    try:
        for name in names:
            os.close(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=folder))
        return names <= {*os.listdir(folder)}
    except OSError:
        return False
    finally:
        for name in names:
            with contextlib.suppress(OSError):
                os.unlink(name, dir_fd=folder)


def path_found(root: int, path: str, *, links: bool) -> str:
    """The names that lead to path, a file that is there below root, as its file system has them. Raises OSError."""
    return "/".join(_parts_found(root, path, links=links))


def _parts_found(root: int, path: str, *, links: bool) -> Iterator[str]:
    above = ""
    for part in path.split("/"):
        with opened_below(root, above, links=links, read=True) as folder:
            yield name_found(part, os.listdir(folder))
        above = f"{above}/{part}"


def name_found(name: str, names: Iterable[str]) -> str:
    """Which of the names of a folder this one leads to: the name itself, however its accents are composed, else one in
    other capitals. The name itself if there is none."""
    composed = unicodedata.normalize("NFC", name)
    alike = [each for each in names if unicodedata.normalize("NFC", each).casefold() == composed.casefold()]
    return name if not alike or any(unicodedata.normalize("NFC", each) == composed for each in alike) else min(alike)
