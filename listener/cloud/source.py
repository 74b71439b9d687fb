"""A folder of a remote as a source: it is listed now and then, and its images are loaded through the spool."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path, PurePosixPath

from filterfleet.common.blob import FileBlob, sha256_of, whole
from filterfleet.common.errors import ImageError
from filterfleet.common.logs import get_logger
from filterfleet.common.text import printable, size_text
from filterfleet.common.wire.messages import BLOB_LIMIT
from filterfleet.listener.cloud.duplicates import distinct
from filterfleet.listener.cloud.folders import RemoteFolders
from filterfleet.listener.cloud.rclone.remote_files import Entry, Rclone
from filterfleet.listener.cloud.spool import SpoolFolder
from filterfleet.listener.core.left_alone import Tally
from filterfleet.listener.core.scan import ROOT, Listing, Version
from filterfleet.listener.interfaces import BusyError, ChangedError, Loaded, TransferError
from filterfleet.listener.settings.aftermath import TARGETS, After, Delete, MoveTo, is_departed
from filterfleet.listener.settings.ignore import LIMIT, IgnoreFile
from filterfleet.listener.settings.location import Remote
from filterfleet.listener.settings.selection import IGNORE_FILE, Selection

# rclone lists the ignore file, and files that are neither hidden nor in hidden folders. We count those that are
# no images.
_PATTERNS = (f"+ /{IGNORE_FILE}", "- .*", "- .*/**")
# What no part of a path can be called. rclone shows "." and ".." of a store with full-width dots, and asks for an
# object of another name when it is to load one.
_NO_NAMES = frozenset({"", ".", "..", "\uff0e", "\uff0e\uff0e"})
_UNKNOWN = "\ufffd"  # rclone shows it in place of a byte that is not valid UTF-8; it can also be part of a name

log = get_logger("listener")


class CloudSource:
    """A Source.

    The tag of a version is the store's hash, where a listing tells one. Where several objects may share a name, the
    object's id and a blank come before it.
    """

    remote = True

    def __init__(self, rclone: Rclone, root: Remote, spool: Path, selection: Selection, after: After) -> None:
        """spool: a folder for temporary files. Raises TransferError when the remote cannot be reached."""
        self.name = str(root)
        self._fs = root.fs
        self._rclone = rclone
        self._facts = rclone.facts(self._fs)
        self.atomic = self._facts.atomic
        self._spool = SpoolFolder(spool)
        self._folders = RemoteFolders(rclone, self._fs)
        self._ignore_file = IgnoreFile(selection)
        self._ignore_version: Version | None = None  # of the file that was read last; None if there was none
        self._ignore_known = False  # whether the store has told if there is an ignore file
        self._after = after
        self._left_out: set[str] = set()  # unusable names that have been logged
        self._found: set[str] = set()  # names with _UNKNOWN in them that the store knows
        self._shared: frozenset[str] | None = None  # paths of objects that share names; None before the first listing

    def list(self) -> Listing:
        entries: list[Entry] = []
        unread: dict[str, str] = {}
        left_alone = Tally()
        ignore_file = None
        busy = False
        try:
            for entry in self._rclone.list(self._fs, _patterns(self._ignore_file.selection.never, self._after)):
                if entry.path == IGNORE_FILE:
                    ignore_file = entry
                elif not self._ignore_file.selection.takes(entry.path):
                    if self._wants(entry.path, 0):
                        left_alone.add(entry.path)
                elif entry.size >= 0 and self._is_usable(entry.path):
                    entries.append(entry)
        except TransferError as error:
            unread[ROOT], busy = str(error), isinstance(error, BusyError)
        try:
            if unread and ignore_file is None:
                ignore_file = self._rclone.stat(self._fs, IGNORE_FILE)
            self._follow(ignore_file)
        except TransferError as error:
            unread[ROOT], busy = str(error), isinstance(error, BusyError)
        if not self._ignore_known:  # the file might exclude any of these
            entries = []
        return Listing(self._selected(entries, complete=not unread), unread, left_alone.counts, busy)

    def _selected(self, entries: Sequence[Entry], *, complete: bool) -> dict[str, Version]:
        return {
            path: self._version(entry)
            for path, entry in self._named(entries, complete=complete)
            if self._wants(entry.path, entry.size)
        }

    def _wants(self, path: str, size: int) -> bool:
        return self._ignore_file.selection.wants(path, size) and not is_departed(path, self._after)

    def _named(self, entries: Sequence[Entry], *, complete: bool) -> Iterable[tuple[str, Entry]]:
        """Entries with paths that are all different. complete: these are all entries of the source."""
        if not self._facts.duplicates:
            return ((entry.path, entry) for entry in entries)
        named, shared = distinct(entries)
        if complete:
            self._shared = shared
        elif self._shared is not None:
            self._shared |= shared
        return named.items()

    def _version(self, entry: Entry) -> Version:
        tag = f"{entry.id} {entry.hash}" if self._facts.duplicates else entry.hash
        return Version(entry.size, entry.mtime_ns, tag)

    def _is_usable(self, path: str) -> bool:
        """Whether the store, and we, can refer to the object by this name. Raises TransferError."""
        if _is_plain(path) and (_UNKNOWN not in path or self._is_found(path)):
            return True
        if path not in self._left_out:
            self._left_out.add(path)
            shown = printable(path.encode(errors="backslashreplace").decode())
            log.warning("image left out: its name cannot be used", path=shown)
        return False

    def _is_found(self, path: str) -> bool:
        if path not in self._found and self._rclone.stat(self._fs, path) is not None:
            self._found.add(path)
        return path in self._found

    def _follow(self, ignore_file: Entry | None) -> None:
        """Select by this ignore file from now on; load it if it has changed. Raises TransferError."""
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
            with self._fetch(IGNORE_FILE, version) as file:
                return bytes(whole(file))
        except ChangedError:
            raise TransferError("The ignore file changed while it was read.", transient=True) from None

    def load(self, path: str, version: Version, inline_limit: int) -> Loaded:
        if version.size > BLOB_LIMIT:
            raise ImageError(f"The file has more than {size_text(BLOB_LIMIT)}, which is the most that is processed.")
        with contextlib.ExitStack() as closing:
            file = closing.enter_context(self._fetch(path, version))
            blob = whole(file) if version.size <= inline_limit else file
            digest = sha256_of(blob)
            if blob is file:
                closing.pop_all()  # the caller closes it
            return Loaded(digest, blob)

    def _fetch(self, path: str, version: Version) -> FileBlob:
        """Download one version, for the caller to close. Raises ChangedError and TransferError."""
        with self._spool.receiving(version.size) as file:
            if self._facts.duplicates:
                self._rclone.download_by_id(self._fs, version.tag.partition(" ")[0], file)
            else:
                self._rclone.download(self._fs, path, file)
            blob = self._spool.read(file)
        with contextlib.ExitStack() as closing:
            closing.enter_context(blob)
            # Where a store shows half-written files, this one may have been written to while it was read.
            if len(blob) != version.size or not (self.atomic or self._is_there(path, version)):
                raise ChangedError
            closing.pop_all()
        return blob

    def take_away(self, path: str, version: Version) -> None:
        if self._facts.duplicates:
            self._check_own_name(path)
        try:
            if not self._is_there(path, version):
                return  # an earlier run of ours took it away, or somebody else did
            if isinstance(self._after, Delete):
                self._rclone.delete(self._fs, path)
            elif isinstance(self._after, MoveTo):
                self._move(path, self._after)
        except TransferError:
            self._folders.doubt()
            raise

    def _check_own_name(self, path: str) -> None:
        """Raises TransferError for an object that shares its name: rclone might delete or move another one."""
        if self._shared is None:
            raise TransferError(f"{self.name} has not been listed yet.", transient=True)
        if path in self._shared:
            reason = "Several files have this name, and only you can tell which of them is meant."
            raise TransferError(reason, transient=False)

    def _move(self, path: str, after: MoveTo) -> None:
        for number in range(1, TARGETS):
            target = after.target(path, number)
            if self._rclone.stat(self._fs, target) is None:
                self._folders.make(str(PurePosixPath(target).parent))
                self._rclone.move(self._fs, path, self._fs, target)
                return
        reason = f"The file cannot be moved: {after.folder} has too many files with its name."
        raise TransferError(reason, transient=False)

    def _is_there(self, path: str, version: Version) -> bool:
        """Raises ChangedError if there is another version, and TransferError."""
        entry = self._rclone.stat(self._fs, path)
        if entry is not None and self._version(entry) != version:
            raise ChangedError
        return entry is not None

    @property
    def place(self) -> str | None:
        return None if self._facts.duplicates else self._facts.root.partition(":")[2] or self._facts.root

    def glance(self, _most: int) -> Listing:
        """Stores cannot be asked for a few objects at a small cost."""
        return Listing({})

    def look(self, paths: Iterable[str]) -> dict[str, Version]:
        found: dict[str, Version] = {}
        for path in paths if self._ignore_known else ():
            with contextlib.suppress(TransferError):  # the next listing says what the trouble is
                if (entry := self._entry(path)) is not None:
                    found[path] = self._version(entry)
        return found

    def _entry(self, path: str) -> Entry | None:
        """The object at a path that somebody has named, if list() would show it. Raises TransferError."""
        hidden = any(name.startswith(".") for name in path.split("/"))
        if hidden or not _is_plain(path) or not self._ignore_file.selection.takes(path) or not self._wants(path, 0):
            return None
        entry = self._rclone.stat(self._fs, path)
        wanted = entry is not None and entry.size >= 0 and self._is_usable(path) and self._wants(path, entry.size)
        return entry if wanted else None

    def watch(self, _changed: Callable[[str], None]) -> None:
        """Stores do not report changes."""


def _patterns(never: Sequence[str], after: After) -> tuple[str, ...]:
    """Filter rules for rclone. The folder of finished images only grows, so it is not even listed. never: as in
    Selection."""
    rules = (*(f"- {pattern}**" if pattern.endswith("/") else f"- {pattern}" for pattern in never), *_PATTERNS)
    if not isinstance(after, MoveTo):
        return rules
    folder = re.sub(r"([][*?{}\\])", r"\\\1", after.folder)
    return (f"- /{folder}/**", *rules)


def _is_plain(path: str) -> bool:
    """Whether path leads to where it says, and the ledger and JSON can hold it."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return _NO_NAMES.isdisjoint(path.split("/")) and "\0" not in path
