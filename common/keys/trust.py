"""Whether a file is out of other users' reach: who owns it, and who may write to it, to its folders and to the links
that lead to it.

The rules are those of OpenSSH's StrictModes (safe_path() in misc.c) and, for secrets, of PostgreSQL's ssl_key_file.
One thing is different: a folder with the sticky bit, such as /tmp, may be open to all, because nobody can replace there
what belongs to somebody else. Kubernetes mounts secrets at such folders.
"""

from __future__ import annotations

import errno
import os
import pwd
import stat
from collections import deque
from pathlib import Path

from filterfleet.common.errors import FleetError
from filterfleet.common.opening import open_file
from filterfleet.common.private import GROUP_READ
from filterfleet.common.text import printable

_LINKS = 40  # links on the way to a file; more must lead in a circle (Linux has the same limit)
_LARGEST = 1 << 16  # bytes of the largest certificate; the rest of a larger file is not read
_WRITERS = stat.S_IWGRP | stat.S_IWOTH


def read_public(file: Path) -> bytes:
    """A file that others may read, but not write. Raises FleetError when they can, and OSError."""
    return _read(file, secret=False)


def read_secret(file: Path) -> bytes:
    """A file that only its owner may read, and no others write. Raises FleetError when they can, and OSError."""
    return _read(file, secret=True)


def check_folder(folder: Path) -> None:
    """Raises FleetError when others can exchange what is in the folder, and OSError."""
    _resolved(folder)


def check_list(folder: Path) -> None:
    """check_folder() for one whose every file counts: others may not even add to it."""
    place = _resolved(folder)
    _check_writers(place, place.stat())


def _read(file: Path, *, secret: bool) -> bytes:
    place = _resolved(file)
    with os.fdopen(open_file(place, links=False), "rb") as opened:
        found = os.fstat(opened.fileno())
        _check_owner(place, found)
        if secret:
            _check_secret(place, found)
        _check_writers(place, found)
        return opened.read(_LARGEST)


def _resolved(path: Path) -> Path:
    """The path without links. Every link and folder on the way, and the last one too, is checked."""
    _, *names = path.absolute().parts
    here, left, links = Path("/"), deque(names), 0
    _check_above(here, here.lstat())
    while left:
        name = left.popleft()
        if name == "..":
            here = here.parent
            continue
        place = here / name
        found = place.lstat()
        if stat.S_ISLNK(found.st_mode):
            links += 1
            if links > _LINKS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
            _check_owner(place, found)
            target = place.readlink()
            here = Path("/") if target.is_absolute() else here
            left.extendleft(reversed(target.parts[target.is_absolute() :]))
        else:
            if stat.S_ISDIR(found.st_mode):
                _check_above(place, found)
            here = place
    return here


def _check_above(folder: Path, found: os.stat_result) -> None:
    _check_owner(folder, found)
    if not found.st_mode & stat.S_ISVTX:
        _check_writers(folder, found)


def _check_owner(place: Path, found: os.stat_result) -> None:
    if found.st_uid in (0, os.geteuid()):
        return
    me = _user(os.geteuid())
    link = "-h " if stat.S_ISLNK(found.st_mode) else ""
    raise FleetError(
        f"{_shown(place)} belongs to the user {_user(found.st_uid)}, who could exchange the keys: "
        f"if everything in it is as it should be, chown {link}{me} {_shown(place)}."
    )


def _check_writers(place: Path, found: os.stat_result) -> None:
    if found.st_mode & _WRITERS:
        raise FleetError(
            f"Others can write to {_shown(place)} (mode {stat.S_IMODE(found.st_mode):04o}), and so they can exchange "
            f"the keys and let anybody in: if everything in it is as it should be, chmod go-w {_shown(place)}."
        )


def _check_secret(file: Path, found: os.stat_result) -> None:
    """A file of root may be open to the group of the process: container platforms hand out secrets like that. systemd
    guards a credential with an access control list, which looks as if the group could read it. For any other file,
    somebody has to have said that the group is trusted."""
    handed_out = found.st_uid != os.geteuid() or str(file.parent) == _credentials() or _is_trusted(found.st_gid)
    others = stat.S_IRWXO | (stat.S_IWGRP | stat.S_IXGRP if handed_out else stat.S_IRWXG)
    if found.st_mode & others:
        raise FleetError(
            f"The secret key {_shown(file)} is open to others (mode {stat.S_IMODE(found.st_mode):04o}): "
            f"if nobody has read it, chmod 600 {_shown(file)}; else make a new key. If only a group that you trust can "
            "read it (mode 0440, as in Kubernetes), add --allow-group-read."
        )


def _is_trusted(group: int) -> bool:
    return os.environ.get(GROUP_READ) == "1" and group in (os.getegid(), *os.getgroups())


def _credentials() -> str | None:
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    return folder and os.path.realpath(folder)


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _shown(path: Path) -> str:
    return printable(str(path))
