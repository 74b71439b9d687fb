"""Our own folders and files: state that nobody else may have planted or may change.

They belong to the user who runs us, or to root. No link is followed to them, and others cannot write to them. Each
function raises FleetError with a sentence when that is not so.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from filterfleet.common.errors import FleetError
from filterfleet.common.private import FILE, FOLDER, close_to_others
from filterfleet.common.text import printable

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY


@contextlib.contextmanager
def own_folder(path: Path) -> Iterator[int]:
    """A descriptor of our folder with this path. It is made for us alone if it is missing, and so are its parents."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = _open_folder(str(path), None, path)
    except OSError as error:
        raise FleetError(f"The folder {_text(path)} cannot be written: {error.strerror}.") from None
    try:
        _check(os.fstat(descriptor), path)
        close_to_others(descriptor, 0o755)  # a group may write to it where the umask is 002
        yield descriptor
    finally:
        os.close(descriptor)


def folder_in(folder: int, name: str, shown: Path) -> int:
    """A descriptor, for the caller to close, of our folder with this name in another one of ours. shown: its path."""
    try:
        descriptor = _open_folder(name, folder, shown)
    except OSError as error:
        raise _unusable(shown, error) from None
    return _checked(descriptor, shown, FOLDER)


def file_in(folder: int, name: str, shown: Path) -> int:
    """A descriptor for reading and writing, for the caller to close, of our file with this name in a folder of ours.

    The file is made empty, for us alone, if it is missing. shown: its path.
    """
    try:
        _refuse_links(name, folder, shown)
        descriptor = os.open(name, _FILE, FILE, dir_fd=folder)
    except OSError as error:
        raise _unusable(shown, error) from None
    return _checked(descriptor, shown, FILE)


def make_file_in(folder: int, name: str, shown: Path) -> None:
    """Make a file with this name in a folder of ours, empty and for us alone, or check the one that exists."""
    try:
        os.close(os.open(name, _FILE | os.O_EXCL, FILE, dir_fd=folder))
    except FileExistsError:
        check_file_in(folder, name, shown)
    except OSError as error:
        raise _unusable(shown, error) from None


def check_file_in(folder: int, name: str, shown: Path) -> None:
    """The file with this name, if there is one, has to be ours. It is closed to others.

    It is not opened: a process that closes a file loses its locks on it, and SQLite has such locks.
    """
    try:
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return
    _refuse_links(name, folder, shown)
    _check(found, shown)
    if found.st_uid == os.geteuid() and stat.S_IMODE(found.st_mode) & ~FILE:
        try:
            os.chmod(name, FILE, dir_fd=folder)  # nobody else can exchange it in a folder of ours
        except OSError as error:
            raise _unusable(shown, error) from None


def own_room(path: Path, *names: str) -> Path:
    """The folder that these names lead to from path, each in the one before. All of these folders and the files in the
    last one have to be ours."""
    with contextlib.ExitStack() as opening:
        folder = opening.enter_context(own_folder(path))
        for name in names:
            path /= name
            folder = folder_in(folder, name, path)
            opening.callback(os.close, folder)
        for name in os.listdir(folder):
            mode = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
            if stat.S_ISREG(mode) or stat.S_ISLNK(mode):
                check_file_in(folder, name, path / name)
    return path


def _open_folder(name: str, folder: int | None, shown: Path) -> int:
    with contextlib.suppress(FileExistsError):
        os.mkdir(name, FOLDER, dir_fd=folder)
    _refuse_links(name, folder, shown)
    return os.open(name, _FOLDER, dir_fd=folder)


def _refuse_links(name: str, folder: int | None, shown: Path) -> None:
    """Only for a better sentence: O_NOFOLLOW is what refuses them."""
    with contextlib.suppress(FileNotFoundError):
        mode = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
        if stat.S_ISLNK(mode):
            raise FleetError(f"{_text(shown)} is a link, but it has to be our own: remove it.")


def _checked(descriptor: int, shown: Path, mode: int) -> int:
    try:
        _check(os.fstat(descriptor), shown)
        close_to_others(descriptor, mode)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _check(found: os.stat_result, shown: Path) -> None:
    if stat.S_ISREG(found.st_mode):
        if found.st_nlink > 1:
            raise FleetError(
                f"{_text(shown)} has another name elsewhere, but it has to be our own: put a copy in its place, "
                "or remove it."
            )
    elif not stat.S_ISDIR(found.st_mode):
        raise FleetError(f"{_text(shown)} is not a file, but it has to be one of our own: remove it.")
    if found.st_uid not in (os.geteuid(), 0):
        raise FleetError(
            f"{_text(shown)} belongs to another user (uid {found.st_uid}), but it has to be our own: "
            "remove it, or run as that user."
        )
    if found.st_mode & stat.S_IWOTH:
        raise FleetError(
            f"Others can write to {_text(shown)}, but it has to be our own: chmod go-w it, or mount its file system "
            "with a umask of 022."
        )
    if found.st_mode & stat.S_IWGRP and found.st_uid != os.geteuid():
        raise FleetError(
            f"A group can write to {_text(shown)}, but it has to be our own: chown it to the user who runs this, "
            "or chmod g-w it."
        )


def _unusable(path: Path, error: OSError) -> FleetError:
    return FleetError(f"{_text(path)} cannot be written: {error.strerror}.")


def _text(path: Path) -> str:
    return printable(str(path))
