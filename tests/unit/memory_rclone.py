"""The adapter's interface for a store in memory, to test what sources and sinks do with its answers."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from filterfleet.listener.cloud.rclone.facts import Facts
from filterfleet.listener.cloud.rclone.remote_files import Entry
from filterfleet.listener.interfaces import ChangedError, TransferError

ATOMIC = Facts("s3", "s3:bucket", True, False, True, False, False, False)
PLAIN = Facts("sftp", "sftp:root", False, True, False, False, False, True)  # shows half an upload
DRIVE = Facts("drive", "drive:root", True, True, True, True, True, True)  # several files share a name; has hashes
FOLDS = replace(ATOMIC, kind="onedrive", folds=True)  # takes A.jpg and a.jpg for one, and keeps the older spelling


class MemoryRclone:
    """files: the store's content, in any order. calls: every call so far, such as "upload grayscale/a.jpg".

    before(call) is called first; what it raises is the outcome, and the call is not recorded.
    """

    def __init__(self, facts: Facts, *files: Entry) -> None:
        self._facts = facts
        self.files = list(files)
        self.contents: dict[str, bytes] = {}
        self.calls: list[str] = []
        self.before: Callable[[str], None] = lambda _: None
        self.listing_fails = ""  # the reason with which listings fail, after all entries

    def _call(self, *words: str) -> None:
        self.before(" ".join(words))
        self.calls.append(" ".join(words))

    def facts(self, _fs: str) -> Facts:
        return self._facts

    def list(self, _fs: str, _patterns: Sequence[str]) -> Iterator[Entry]:
        self._call("list")
        yield from self.files
        if self.listing_fails:
            raise TransferError(self.listing_fails, transient=True)

    def stat(self, _fs: str, path: str) -> Entry | None:
        self._call("stat", path)
        spelling = self._spelling(path)
        found = next((entry for entry in self.files if entry.path == spelling), None)
        return found and replace(found, path=path)  # rclone repeats what it was asked for

    def names(self, _fs: str, path: str) -> list[str]:
        self._call("names", path)
        above = path.split("/") if path else []
        paths = [entry.path.split("/") for entry in self.files]
        return sorted({parts[len(above)] for parts in paths if parts[: len(above)] == above})

    def _spelling(self, path: str) -> str:
        """What the store calls the file at a path."""
        if not self._facts.folds:
            return path
        return next((entry.path for entry in self.files if _folded(entry.path) == _folded(path)), path)

    def download(self, _fs: str, path: str, file: Path) -> None:
        self._call("download", path)
        if path not in self.contents:
            raise ChangedError
        file.write_bytes(self.contents[path])

    def download_by_id(self, _fs: str, id: str, file: Path) -> None:  # noqa: A002
        self._call("download", id)
        file.write_bytes(self.contents[id])

    def upload(self, file: Path, _fs: str, path: str) -> None:
        self._call("upload", path)
        self.put(path, file.read_bytes())

    def copy(self, _fs: str, path: str, _target_fs: str, target: str) -> None:
        self._call("copy", path, target)
        if path not in self.contents:
            raise ChangedError
        self.put(target, self.contents[path])

    def move(self, _fs: str, path: str, _target_fs: str, target: str) -> None:
        self._call("move", path, target)
        if path not in self.contents:
            raise ChangedError
        self.put(target, self.contents[path])
        self.remove(path)

    def make_folder(self, _fs: str, path: str) -> None:
        self._call("make", path)

    def delete(self, _fs: str, path: str) -> None:
        self._call("delete", path)
        self.remove(path)

    def purge(self, _fs: str, path: str) -> None:
        self._call("purge", path)
        for inner in [inner for inner in self.contents if inner.startswith(f"{path}/")]:
            self.remove(inner)

    def forget(self) -> None:
        self._call("forget")

    def put(self, path: str, content: bytes, *, mtime_ns: int = 0, id: str = "", hash: str = "") -> Entry:  # noqa: A002
        """Add a file. With an id it stands beside others with its name, else it replaces them."""
        path = self._spelling(path)
        if not id:
            self.remove(path)
        entry = Entry(path, len(content), mtime_ns, id, hash)
        self.files.append(entry)
        self.contents[id or path] = content
        return entry

    def remove(self, path: str) -> None:
        path = self._spelling(path)
        self.files = [entry for entry in self.files if entry.path != path]
        self.contents.pop(path, None)


def _folded(path: str) -> str:
    return unicodedata.normalize("NFC", path).casefold()
