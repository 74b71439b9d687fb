"""A folder of this machine as a source."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path, PurePosixPath

from filterfleet.common.blob import FileBlob, parts, whole
from filterfleet.common.errors import ImageError
from filterfleet.common.jobs.names import has_no_extension
from filterfleet.common.logs import get_logger
from filterfleet.common.text import size_text
from filterfleet.common.wire.messages import BLOB_LIMIT
from filterfleet.listener.core.left_alone import Tally
from filterfleet.listener.core.scan import ROOT, Listing, Version
from filterfleet.listener.interfaces import ChangedError, Loaded, TransferError, Watch
from filterfleet.listener.local.sniffing import Sniffer
from filterfleet.listener.local.watch import observe
from filterfleet.listener.settings.aftermath import TARGETS, After, Delete, Keep, MoveTo, is_departed
from filterfleet.listener.settings.ignore import LIMIT, IgnoreFile
from filterfleet.listener.settings.selection import IGNORE_FILE, Selection

log = get_logger("listener")


class Folder:
    """A Source."""

    atomic = False
    remote = False

    def __init__(self, root: Path, selection: Selection = Selection(), after: After = Keep()) -> None:  # noqa: B008 - frozen
        self.root = root
        self.name = str(root)
        self._ignore_file = IgnoreFile(selection)
        self._sniffer = Sniffer()
        self._after = after

    def list(self) -> Listing:
        """Every selected image file, in every folder that is neither hidden nor shunned. Links to folders are not
        followed."""
        self._ignore_file.update(self._read_ignore_file())
        objects: dict[str, Version] = {}
        unread: dict[str, str] = {}
        left_alone = Tally()
        folders = [""]
        while folders:
            folder = folders.pop()
            try:
                for path, entry in self._entries(folder):
                    if entry.is_dir(follow_symlinks=False):
                        if not self._ignore_file.selection.shuns(path):
                            folders.append(path + "/")
                    elif version := self._image(path, entry):
                        objects[path] = version
                    elif self._wants(path, 0):
                        self._count(path, entry, left_alone)
            except OSError as error:
                unread[folder or ROOT] = f"The folder cannot be read: {error.strerror}."
        return Listing(objects, unread, left_alone.counts)

    def _entries(self, folder: str) -> Iterator[tuple[str, os.DirEntry[str]]]:
        """What is in a folder and not hidden. Raises OSError."""
        with os.scandir(self.root / folder) as entries:
            for entry in entries:
                if not entry.name.startswith("."):
                    yield folder + entry.name, entry

    def _image(self, path: str, entry: os.DirEntry[str] | Path) -> Version | None:
        """The version of a file if it is a selected image. Raises OSError."""
        selection = self._ignore_file.selection
        if not selection.takes(path) and not self._is_sniffed(path):
            return None
        if not (version := _version(entry)) or not self._wants(path, version.size):
            return None
        if selection.takes(path):
            return version
        found = self._sniffer.format_of(self.root / path, version)
        return None if found is None or found in selection.unreadable else version

    def _count(self, path: str, entry: os.DirEntry[str], left_alone: Tally) -> None:
        """Count a file that the user may take for an image, though we do not. Raises OSError."""
        if not self._is_sniffed(path):
            if not self._ignore_file.selection.takes(path) and entry.is_file():
                left_alone.add(path)
        elif version := _version(entry):
            found = self._sniffer.format_of(self.root / path, version)
            if found in self._ignore_file.selection.unreadable:
                left_alone.add(path, found)

    def _is_sniffed(self, path: str) -> bool:
        """Whether the first bytes of a file are looked at."""
        return self._ignore_file.selection.sniff and has_no_extension(path)

    def _wants(self, path: str, size: int) -> bool:
        return self._ignore_file.selection.wants(path, size) and not is_departed(path, self._after)

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
            with contextlib.ExitStack() as closing:
                file = closing.enter_context(_OneVersion(self.root / path, version))
                file.check()
                blob = whole(file) if version.size <= inline_limit else file
                digest = hashlib.sha256()
                for part in parts(blob):
                    digest.update(part)
                file.check()
                if blob is file:
                    closing.pop_all()  # the caller closes it
                return Loaded(digest.digest(), blob)
        except (ChangedError, FileNotFoundError):
            raise ChangedError from None
        except OSError as error:
            raise TransferError(f"The file cannot be read: {error.strerror}.", transient=True) from None

    def take_away(self, path: str, version: Version) -> None:
        file = self.root / path
        try:
            with _OneVersion(file, version) as found:
                found.check()
            if isinstance(self._after, Delete):
                file.unlink()
            elif isinstance(self._after, MoveTo):
                self._move(path, self._after)
        except FileNotFoundError:
            return
        except OSError as error:
            raise TransferError(f"The file cannot be taken away: {error.strerror}.", transient=True) from None

    def _move(self, path: str, after: MoveTo) -> None:
        """A rename would replace a file that has the name, so an empty file takes the name first."""
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
        reason = f"The file cannot be moved: {after.folder} has too many files with its name."
        raise TransferError(reason, transient=False)

    def watch(self, changed: Callable[[str], None]) -> Watch | None:
        stop = observe(self.root, lambda path: changed(ROOT if path == IGNORE_FILE else path))
        return stop and Watch(self.look, stop)

    def look(self, paths: Iterable[str]) -> dict[str, Version]:
        """Those of these paths that list() would find. Looks at no other files."""
        found = {}
        for path in paths:
            with contextlib.suppress(OSError):  # list() reports what cannot be looked at
                if self._is_in_sight(path) and (version := self._image(path, self.root / path)):
                    found[path] = version
        return found

    def _is_in_sight(self, path: str) -> bool:
        """Whether list() would come across a file with this path. Raises OSError."""
        file = PurePosixPath(path)
        return not any(part.startswith(".") for part in file.parts) and not any(
            (self.root / folder).is_symlink() for folder in file.parents[:-1]
        )


def _version(entry: os.DirEntry[str] | Path) -> Version | None:
    """None for anything but a regular file. Raises OSError."""
    try:
        found = entry.stat()
    except FileNotFoundError:  # it vanished, or is a link to nothing
        return None
    except OSError:
        if entry.is_symlink():  # to itself, or to a place we may not enter: its folder can be listed all the same
            return None
        raise
    return Version(found.st_size, found.st_mtime_ns) if stat.S_ISREG(found.st_mode) else None


class _OneVersion(FileBlob):
    """A file that cannot be read any more once it is another version."""

    def __init__(self, file: Path, version: Version) -> None:
        """Raises OSError."""
        super().__init__(os.open(file, os.O_RDONLY))
        self._version = version

    def check(self) -> None:
        """Raises ChangedError if the file is another version."""
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
