"""A local source folder: listing it, looking at single files of it, reading from it."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath

from filterfleet.common.blob import FileBlob, parts, whole
from filterfleet.common.errors import ImageError
from filterfleet.common.jobs.names import is_image_name
from filterfleet.common.logs import get_logger
from filterfleet.common.text import size_text
from filterfleet.common.wire.messages import BLOB_LIMIT
from filterfleet.listener.core.scan import ROOT, Listing, Version
from filterfleet.listener.interfaces import ChangedError, Loaded, TransferError, Watch
from filterfleet.listener.local.watch import observe
from filterfleet.listener.settings.aftermath import TARGETS, After, Delete, Keep, MoveTo, is_departed
from filterfleet.listener.settings.ignore import LIMIT, IgnoreFile
from filterfleet.listener.settings.selection import IGNORE_FILE, Selection

log = get_logger("listener")


class Folder:
    """A Source whose images are below a folder of this machine."""

    atomic = False
    remote = False

    def __init__(self, root: Path, selection: Selection = Selection(), after: After = Keep()) -> None:  # noqa: B008 - frozen
        self.root = root
        self.name = str(root)
        self._ignore_file = IgnoreFile(selection)
        self._after = after

    def list(self) -> Listing:
        """Every selected image, by its name, in every folder that is not hidden. Links to folders are not followed."""
        self._ignore_file.update(self._read_ignore_file())
        objects: dict[str, Version] = {}
        unread: dict[str, str] = {}
        folders = [""]
        while folders:
            folder = folders.pop()
            try:
                with os.scandir(self.root / folder) as entries:
                    for entry in entries:
                        path = folder + entry.name
                        if entry.name.startswith("."):
                            continue
                        if entry.is_dir(follow_symlinks=False):
                            folders.append(path + "/")
                        elif is_image_name(path) and (version := _version(entry)) and self._wants(path, version):
                            objects[path] = version
            except OSError as error:
                unread[folder or ROOT] = f"The folder cannot be read: {error.strerror}."
        return Listing(objects, unread)

    def _wants(self, path: str, version: Version) -> bool:
        return self._ignore_file.selection.wants(path, version.size) and not is_departed(path, self._after)

    def _read_ignore_file(self) -> bytes | None:
        try:
            with (self.root / IGNORE_FILE).open("rb") as file:
                return file.read(LIMIT + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            log.warning("the ignore file cannot be read", reason=error.strerror)
            return None

    def load(self, path: str, version: Version, inline_limit: int) -> Loaded:
        if version.size > BLOB_LIMIT:
            raise ImageError(f"The file has more than {size_text(BLOB_LIMIT)}, which is the most that is processed.")
        try:
            file = _OneVersion(self.root / path, version)
            blob = whole(file) if version.size <= inline_limit else file
            digest = hashlib.sha256()
            for part in parts(blob):
                digest.update(part)
            file.check()
        except (ChangedError, FileNotFoundError):
            raise ChangedError from None
        except OSError as error:
            raise TransferError(f"The file cannot be read: {error.strerror}.", transient=True) from None
        return Loaded(digest.digest(), blob)

    def take_away(self, path: str, version: Version) -> None:
        file = self.root / path
        try:
            _OneVersion(file, version)
            if isinstance(self._after, Delete):
                file.unlink()
            elif isinstance(self._after, MoveTo):
                self._move(path, self._after)
        except FileNotFoundError:
            return
        except OSError as error:
            raise TransferError(f"The file cannot be taken away: {error.strerror}.", transient=True) from None

    def _move(self, path: str, after: MoveTo) -> None:
        """Over an empty file that takes the name first, since a rename would replace what has it."""
        for number in range(1, TARGETS):
            target = self.root / after.target(path, number)
            target.parent.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(FileExistsError):
                target.touch(exist_ok=False)
                try:
                    (self.root / path).rename(target)
                except OSError:
                    target.unlink()
                    raise
                return
        raise TransferError(f"The file cannot be moved: {after.folder} has too many of its name.", transient=False)

    def watch(self, changed: Callable[[str], None]) -> Watch | None:
        stop = observe(self.root, lambda path: changed(ROOT if path == IGNORE_FILE else path))
        return stop and Watch(self.look, stop)

    def look(self, paths: Iterable[str]) -> dict[str, Version]:
        """Those of these paths that list() would have."""
        found = {}
        for path in paths:
            with contextlib.suppress(OSError):  # what cannot be looked at is for list() to tell of
                if self._is_in_sight(path) and (version := _version(self.root / path)) and self._wants(path, version):
                    found[path] = version
        return found

    def _is_in_sight(self, path: str) -> bool:
        """Whether list() comes to a file of this name. Raises OSError."""
        file = PurePosixPath(path)
        return (
            is_image_name(path)
            and not any(part.startswith(".") for part in file.parts)
            and not any((self.root / folder).is_symlink() for folder in file.parents[:-1])
        )


def _version(entry: os.DirEntry[str] | Path) -> Version | None:
    try:
        found = entry.stat()
    except FileNotFoundError:  # vanished, or a link to nothing
        return None
    except OSError:
        if entry.is_symlink():  # to itself, or to where we may not look: no reason to leave its folder out
            return None
        raise
    return Version(found.st_size, found.st_mtime_ns) if stat.S_ISREG(found.st_mode) else None


class _OneVersion(FileBlob):
    """A file that can be read for as long as it is the version that it was."""

    def __init__(self, file: Path, version: Version) -> None:
        """Raises ChangedError and OSError."""
        super().__init__(os.open(file, os.O_RDONLY))
        self._version = version
        self.check()

    def check(self) -> None:
        """Raises ChangedError."""
        found = os.fstat(self.fileno())
        if (found.st_size, found.st_mtime_ns) != (self._version.size, self._version.mtime_ns):
            raise ChangedError

    def read(self, offset: int, length: int) -> bytes:
        data = super().read(offset, length)
        try:
            self.check()
        except ChangedError:
            raise OSError(0, "it changed while it was being sent") from None
        return data
