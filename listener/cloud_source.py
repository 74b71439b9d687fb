"""A folder in a cloud as a source: listed now and then, its images loaded by way of the spool."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from common.blob import FileBlob, parts, whole
from common.errors import ImageError
from common.jobs import FORMAT_OF_EXTENSION, is_image_name
from common.logs import get_logger
from common.protocol.messages import BLOB_LIMIT
from common.text import printable, size_text
from listener.aftermath import TARGETS, After, Delete, MoveTo, is_departed
from listener.duplicates import distinct
from listener.ignore import LIMIT, IgnoreFile
from listener.location import Remote
from listener.rclone.remote_files import Entry, Rclone
from listener.scan import ROOT, Listing, Version
from listener.selection import IGNORE_FILE, Selection
from listener.spool import Spool
from listener.store import ChangedError, Loaded, TransferError

# What rclone is to list: the ignore file, and images that are not hidden and not in hidden folders.
_PATTERNS = (
    f"+ /{IGNORE_FILE}",
    "- .*",
    "- .*/**",
    f"+ *.{{{{(?i:{'|'.join(suffix[1:] for suffix in FORMAT_OF_EXTENSION)})}}}}",
    "- *",
)

log = get_logger("listener")


class CloudSource:
    """A Source. A version's tag is the store's hash where it gives that away and, where several objects can have one
    name, the object's id and a blank before it."""

    remote = True

    def __init__(self, rclone: Rclone, root: Remote, spool: Path, selection: Selection, after: After) -> None:
        """The remote can be reached. Raises TransferError."""
        self.name = str(root)
        self._rclone = rclone
        self._facts = rclone.facts(self.name)
        self.atomic = self._facts.atomic
        self._spool = Spool(spool)
        self._ignore_file = IgnoreFile(selection)
        self._ignore_version: Version | None = None
        self._after = after
        self._unusable: set[str] = set()  # names that were complained of

    def list(self) -> Listing:
        entries: list[Entry] = []
        unread: dict[str, str] = {}
        ignore_file = None
        try:
            for entry in self._rclone.list(self.name, _PATTERNS):
                if entry.path == IGNORE_FILE:
                    ignore_file = entry
                elif entry.size >= 0 and is_image_name(entry.path) and self._is_usable(entry.path):
                    entries.append(entry)
            self._read_ignore_file(ignore_file)
        except TransferError as error:
            unread[ROOT] = str(error)
        return Listing(dict(self._selected(entries)), unread)

    def _selected(self, entries: Sequence[Entry]) -> Iterator[tuple[str, Version]]:
        wants = self._ignore_file.selection.wants
        for path, entry in self._named(entries):
            if wants(entry.path, entry.size) and not is_departed(entry.path, self._after):
                yield path, self._version(entry)

    def _named(self, entries: Sequence[Entry]) -> Iterator[tuple[str, Entry]]:
        if not self._facts.duplicates:
            yield from ((entry.path, entry) for entry in entries)
            return
        by_id = {entry.id: entry for entry in entries}
        for path, identity in distinct((entry.path, entry.id) for entry in entries).items():
            yield path, by_id[identity]

    def _version(self, entry: Entry) -> Version:
        tag = f"{entry.id} {entry.hash}" if self._facts.duplicates else entry.hash
        return Version(entry.size, entry.mtime_ns, tag)

    def _is_usable(self, path: str) -> bool:
        """Names such as a//b can be listed, but not asked for."""
        usable = {"", ".", ".."}.isdisjoint(path.split("/")) and "\0" not in path and "\ufffd" not in path
        if not usable and path not in self._unusable:
            self._unusable.add(path)
            log.warning("name cannot be used, image left out", path=printable(path))
        return usable

    def _read_ignore_file(self, entry: Entry | None) -> None:
        """Loaded only when it has changed. Raises TransferError."""
        version = None if entry is None else self._version(entry)
        if version == self._ignore_version:
            return
        data = None
        if version is not None:
            with contextlib.suppress(ChangedError):
                data = b"" if version.size > LIMIT else bytes(whole(self._fetch(IGNORE_FILE, version, LIMIT)))
        self._ignore_file.update(data)
        self._ignore_version = version

    def load(self, path: str, version: Version, inline_limit: int) -> Loaded:
        if version.size > BLOB_LIMIT:
            raise ImageError(f"The file has more than {size_text(BLOB_LIMIT)}, which is the most that is processed.")
        blob = self._fetch(path, version, inline_limit)
        digest = hashlib.sha256()
        for part in parts(blob):
            digest.update(part)
        return Loaded(digest.digest(), blob)

    def _fetch(self, path: str, version: Version, inline_limit: int) -> bytes | FileBlob:
        """Raises ChangedError and TransferError."""
        with self._spool.place() as file:
            if self._facts.duplicates:
                self._rclone.download_by_id(self.name, version.tag.partition(" ")[0], file)
            else:
                self._rclone.download(self.name, path, file)
            blob = FileBlob(self._spool.open(file))
        if len(blob) != version.size:
            raise ChangedError
        if not self.atomic:  # it may have grown while it was loaded
            entry = self._rclone.stat(self.name, path)
            if entry is None or self._version(entry) != version:
                raise ChangedError
        return blob.read(0, version.size) if version.size <= inline_limit else blob

    def take_away(self, path: str, version: Version) -> None:
        if self._facts.duplicates and version.tag.partition(" ")[0] in path:
            raise TransferError("Another file has its name: only you can tell which is which.", transient=False)
        entry = self._rclone.stat(self.name, path)
        if entry is None:
            return  # by us, in an earlier life, or by somebody else
        if self._version(entry) != version:
            raise ChangedError
        if isinstance(self._after, Delete):
            self._rclone.delete(self.name, path)
        elif isinstance(self._after, MoveTo):
            self._move(path, self._after)

    def _move(self, path: str, after: MoveTo) -> None:
        for number in range(1, TARGETS):
            target = after.target(path, number)
            if self._rclone.stat(self.name, target) is None:
                self._rclone.move(self.name, path, self.name, target)
                return
        raise TransferError(f"The file cannot be moved: {after.folder} has too many of its name.", transient=False)

    def watch(self, _changed: Callable[[], None]) -> Callable[[], None]:
        """Stores do not tell."""
        return lambda: None
