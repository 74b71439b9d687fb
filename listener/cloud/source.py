"""A folder in a cloud as a source: listed now and then, its images loaded by way of the spool."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path, PurePosixPath

from filterfleet.common.blob import FileBlob, parts, whole
from filterfleet.common.errors import ImageError
from filterfleet.common.jobs.names import FORMAT_OF_EXTENSION, is_image_name
from filterfleet.common.logs import get_logger
from filterfleet.common.text import printable, size_text
from filterfleet.common.wire.messages import BLOB_LIMIT
from filterfleet.listener.cloud.duplicates import distinct
from filterfleet.listener.cloud.folders import RemoteFolders
from filterfleet.listener.cloud.rclone.remote_files import Entry, Rclone
from filterfleet.listener.cloud.spool import SpoolFolder
from filterfleet.listener.core.scan import ROOT, Listing, Version
from filterfleet.listener.interfaces import ChangedError, Loaded, TransferError
from filterfleet.listener.settings.aftermath import TARGETS, After, Delete, MoveTo, is_departed
from filterfleet.listener.settings.ignore import LIMIT, IgnoreFile
from filterfleet.listener.settings.location import Remote
from filterfleet.listener.settings.selection import IGNORE_FILE, Selection

# What rclone is to list: the ignore file, and images that are not hidden and not in hidden folders.
_PATTERNS = (
    f"+ /{IGNORE_FILE}",
    "- .*",
    "- .*/**",
    f"+ *.{{{{(?i:{'|'.join(suffix[1:] for suffix in FORMAT_OF_EXTENSION)})}}}}",
    "- *",
)
_UNKNOWN = "\ufffd"  # how rclone shows what is no character, though it may be one as well

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
        self._spool = SpoolFolder(spool)
        self._folders = RemoteFolders(rclone, self.name)
        self._ignore_file = IgnoreFile(selection)
        self._ignore_version: Version | None = None
        self._ignore_known = False  # whether there is one
        self._after = after
        self._left_out: set[str] = set()  # names that were complained of
        self._found: set[str] = set()  # names that have _UNKNOWN in them and are right
        self._shared: frozenset[str] | None = None  # paths of objects of one name, once that is known

    def list(self) -> Listing:
        entries: list[Entry] = []
        unread: dict[str, str] = {}
        ignore_file = None
        try:
            for entry in self._rclone.list(self.name, _patterns(self._after)):
                if entry.path == IGNORE_FILE:
                    ignore_file = entry
                elif entry.size >= 0 and is_image_name(entry.path) and self._is_usable(entry.path):
                    entries.append(entry)
        except TransferError as error:
            unread[ROOT] = str(error)
        try:
            if unread and ignore_file is None:
                ignore_file = self._rclone.stat(self.name, IGNORE_FILE)
            self._follow(ignore_file)
        except TransferError as error:
            unread[ROOT] = str(error)
        if not self._ignore_known:  # nobody can tell what is wanted
            entries = []
        return Listing(self._selected(entries, whole=not unread), unread)

    def _selected(self, entries: Sequence[Entry], *, whole: bool) -> dict[str, Version]:
        wants = self._ignore_file.selection.wants
        return {
            path: self._version(entry)
            for path, entry in self._named(entries, whole=whole)
            if wants(entry.path, entry.size) and not is_departed(entry.path, self._after)
        }

    def _named(self, entries: Sequence[Entry], *, whole: bool) -> Iterable[tuple[str, Entry]]:
        """whole: these are all there are."""
        if not self._facts.duplicates:
            return ((entry.path, entry) for entry in entries)
        named, shared = distinct(entries)
        if whole:
            self._shared = shared
        elif self._shared is not None:
            self._shared |= shared
        return named.items()

    def _version(self, entry: Entry) -> Version:
        tag = f"{entry.id} {entry.hash}" if self._facts.duplicates else entry.hash
        return Version(entry.size, entry.mtime_ns, tag)

    def _is_usable(self, path: str) -> bool:
        """Some names can be listed, but not asked for. Raises TransferError."""
        if _is_plain(path) and (_UNKNOWN not in path or self._is_found(path)):
            return True
        if path not in self._left_out:
            self._left_out.add(path)
            shown = printable(path.encode(errors="backslashreplace").decode())
            log.warning("image left out: its name cannot be used", path=shown)
        return False

    def _is_found(self, path: str) -> bool:
        if path not in self._found and self._rclone.stat(self.name, path) is not None:
            self._found.add(path)
        return path in self._found

    def _follow(self, ignore_file: Entry | None) -> None:
        """Select by this ignore file from now on; it is loaded when it has changed. Raises TransferError."""
        version = None if ignore_file is None else self._version(ignore_file)
        if version != self._ignore_version or not self._ignore_known:
            if version is None:
                self._ignore_file.update(None)
            elif version.size > LIMIT:
                log.warning("ignore file is too large and was not read", file=IGNORE_FILE)
            else:
                self._ignore_file.update(self._load_ignore_file(version))
        self._ignore_version = version
        self._ignore_known = True

    def _load_ignore_file(self, version: Version) -> bytes:
        try:
            return bytes(whole(self._fetch(IGNORE_FILE, version)))
        except ChangedError:
            raise TransferError("The ignore file changed while it was read.", transient=True) from None

    def load(self, path: str, version: Version, inline_limit: int) -> Loaded:
        if version.size > BLOB_LIMIT:
            raise ImageError(f"The file has more than {size_text(BLOB_LIMIT)}, which is the most that is processed.")
        file = self._fetch(path, version)
        blob = whole(file) if version.size <= inline_limit else file
        digest = hashlib.sha256()
        for part in parts(blob):
            digest.update(part)
        return Loaded(digest.digest(), blob)

    def _fetch(self, path: str, version: Version) -> FileBlob:
        """Raises ChangedError and TransferError."""
        with self._spool.receiving(version.size) as file:
            if self._facts.duplicates:
                self._rclone.download_by_id(self.name, version.tag.partition(" ")[0], file)
            else:
                self._rclone.download(self.name, path, file)
            blob = self._spool.read(file)
        if len(blob) != version.size:
            raise ChangedError
        if not self.atomic and not self._check(path, version):  # it may be written while it is read
            raise ChangedError
        return blob

    def take_away(self, path: str, version: Version) -> None:
        if self._facts.duplicates:
            self._check_own_name(path)
        try:
            if not self._check(path, version):
                return  # it was taken away by us, in an earlier life, or by somebody else
            if isinstance(self._after, Delete):
                self._rclone.delete(self.name, path)
            elif isinstance(self._after, MoveTo):
                self._move(path, self._after)
        except TransferError:
            self._folders.doubt()
            raise

    def _check_own_name(self, path: str) -> None:
        """What is done to a name may be done to any of the objects that share it. Raises TransferError."""
        if self._shared is None:
            raise TransferError(f"{self.name} has not been listed yet.", transient=True)
        if path in self._shared:
            raise TransferError("Others have its name, and only you can tell which is which.", transient=False)

    def _move(self, path: str, after: MoveTo) -> None:
        for number in range(1, TARGETS):
            target = after.target(path, number)
            if self._rclone.stat(self.name, target) is None:
                self._folders.make(str(PurePosixPath(target).parent))
                self._rclone.move(self.name, path, self.name, target)
                return
        raise TransferError(f"The file cannot be moved: {after.folder} has too many of its name.", transient=False)

    def _check(self, path: str, version: Version) -> bool:
        """Whether it is there. Raises ChangedError when that is another version, and TransferError."""
        entry = self._rclone.stat(self.name, path)
        if entry is not None and self._version(entry) != version:
            raise ChangedError
        return entry is not None

    def watch(self, _changed: Callable[[str], None]) -> None:
        """Stores do not tell."""


def _patterns(after: After) -> tuple[str, ...]:
    """For rclone: what is done with is not even looked at, since it becomes more and more."""
    if not isinstance(after, MoveTo):
        return _PATTERNS
    folder = re.sub(r"([][*?{}\\])", r"\\\1", after.folder)
    return (f"- /{folder}/**", *_PATTERNS)


def _is_plain(path: str) -> bool:
    """Whether it leads where it says, and can be held in a ledger and in JSON."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return {"", ".", ".."}.isdisjoint(path.split("/")) and "\0" not in path
