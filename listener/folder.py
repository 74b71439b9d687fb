"""A local source folder: listing it, reading from it, hearing of changes in it."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver

from common.errors import ImageError
from common.jobs import is_image_name
from common.logs import get_logger
from common.protocol.messages import BLOB_LIMIT
from common.text import size_text
from listener.scan import Listing, Version

CHUNK = 1 << 20  # bytes hashed at a time

log = get_logger("listener")


class ChangedError(Exception):
    """The file is not the version that was asked for."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """An image file's sha256 and, if it is small enough to be held in memory, its bytes."""

    digest: bytes
    data: bytes | None


class Folder:
    def __init__(self, root: Path) -> None:
        self.root = root

    def list(self) -> Listing:
        """Every image file, by its name, in every folder that is not hidden. Links to folders are not followed."""
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
                        elif is_image_name(path) and (version := _version(entry)) is not None:
                            objects[path] = version
            except OSError as error:
                unread[folder or "."] = f"The folder cannot be read: {error.strerror}."
        return Listing(objects, unread)

    def load(self, path: str, version: Version, inline_limit: int) -> Loaded:
        """Read and hash one version of a file. Raises ChangedError, OSError, and ImageError for one that is too large
        to be moved."""
        if version.size > BLOB_LIMIT:
            raise ImageError(f"The file has more than {size_text(BLOB_LIMIT)}, which is the most that is processed.")
        digest = hashlib.sha256()
        with (self.root / path).open("rb", buffering=0) as file:
            _check(file.fileno(), version)
            if version.size <= inline_limit:
                data = file.read(version.size + 1)
                digest.update(data)
            else:
                data = None
                while chunk := file.read(CHUNK):
                    digest.update(chunk)
            _check(file.fileno(), version)
        if data is not None and len(data) != version.size:
            raise ChangedError
        return Loaded(digest.digest(), data)

    def reader(self, path: str, version: Version) -> Callable[[int, int], bytes]:
        """(offset, length) -> bytes of this version; an OSError once the file is another."""

        def read(offset: int, length: int) -> bytes:
            with (self.root / path).open("rb", buffering=0) as file:
                try:
                    _check(file.fileno(), version)
                except ChangedError:
                    raise OSError(0, "it changed while it was being sent") from None
                return os.pread(file.fileno(), length, offset)

        return read

    def watch(self, changed: Callable[[], None]) -> Callable[[], None]:
        """Call changed() soon after something happens in the folder, if the system tells; returns stop()."""
        observer: BaseObserver = Observer()
        handler = _Handler(changed)
        try:
            observer.schedule(handler, str(self.root), recursive=True)
            observer.start()
        except OSError as error:
            log.warning("no change notifications, relying on scans", error=error.strerror)
            return lambda: None

        def stop() -> None:
            observer.stop()
            observer.join()

        return stop


class _Handler(FileSystemEventHandler):
    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed

    def on_any_event(self, event: FileSystemEvent) -> None:
        if event.event_type not in ("opened", "closed_no_write"):  # our own reading is no news
            self._changed()


def _version(entry: os.DirEntry[str]) -> Version | None:
    try:
        found = entry.stat()
    except FileNotFoundError:  # vanished, or a link to nothing
        return None
    except OSError:
        if entry.is_symlink():  # to itself, or to where we may not look: no reason to leave its folder out
            return None
        raise
    return Version(found.st_size, found.st_mtime_ns) if stat.S_ISREG(found.st_mode) else None


def _check(descriptor: int, version: Version) -> None:
    found = os.fstat(descriptor)
    if (found.st_size, found.st_mtime_ns) != (version.size, version.mtime_ns):
        raise ChangedError
