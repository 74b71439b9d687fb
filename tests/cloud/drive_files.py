"""The content of a Google Drive, in memory. A name does not identify anything here: a folder may hold several files and
folders with one name, and a name may contain slashes."""

from __future__ import annotations

import hashlib
import itertools
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tests.cloud.drive_query import Resource, parse_query

FOLDER = "application/vnd.google-apps.folder"
DOCUMENT = "application/vnd.google-apps.document"
SHORTCUT = "application/vnd.google-apps.shortcut"
WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"  # the format that Docs are exported to


class MissingError(LookupError):
    """No file has this id."""


@dataclass
class Item:
    """A file, a folder, a Google Doc or a shortcut."""

    id: str
    name: str
    parent: str  # everything has exactly one; "" for the root
    mime_type: str
    created: str
    modified: str
    trashed: bool = False  # the item itself, not a folder above it
    target: str = ""  # the id of a shortcut's target
    content: bytes | None = None  # of a file, which has hashes of it
    hashes: dict[str, str] = field(default_factory=dict)

    def fill(self, content: bytes) -> None:
        self.content = content
        self.hashes = {f"{kind}Checksum": hashlib.new(kind, content).hexdigest() for kind in ("md5", "sha1", "sha256")}


class Drive:
    """All items by their ids. Every method may be called from any thread."""

    def __init__(self) -> None:
        self.root = "0AEmulatedRootPVA"
        self._numbers = itertools.count(1)
        self._lock = threading.RLock()
        now = _timestamp(None)
        self._items = {self.root: Item(self.root, "My Drive", "", FOLDER, now, now)}

    def get(self, file_id: str) -> Item:
        with self._lock:
            try:
                return self._items[self.root if file_id == "root" else file_id]
            except KeyError:
                raise MissingError(file_id) from None

    def create(self, metadata: dict[str, Any], content: bytes | None) -> Item:
        """metadata: as in the body of files.create. Without a parent the item goes into the root."""
        with self._lock:
            parent = self.get((metadata.get("parents") or ["root"])[0])
            mime_type = metadata.get("mimeType") or "application/octet-stream"
            item = Item(
                id=f"1Emulated{next(self._numbers):020}",
                name=metadata.get("name", "Untitled"),
                parent=parent.id,
                mime_type=mime_type,
                created=_timestamp(None),
                modified=_timestamp(metadata.get("modifiedTime")),
                target=metadata.get("shortcutDetails", {}).get("targetId", ""),
            )
            if content is not None or not mime_type.startswith("application/vnd.google-apps."):
                item.fill(content or b"")
            self._items[item.id] = item
            return item

    def update(self, file_id: str, metadata: dict[str, Any], content: bytes | None = None, parent: str = "") -> Item:
        """metadata: as in the body of files.update; fields that it does not name stay as they are."""
        with self._lock:
            item = self.get(file_id)
            item.name = metadata.get("name", item.name)
            item.mime_type = metadata.get("mimeType") or item.mime_type
            item.trashed = metadata.get("trashed", item.trashed)
            item.parent = self.get(parent).id if parent else item.parent
            if content is not None:
                item.fill(content)
            if content is not None or "modifiedTime" in metadata:
                item.modified = _timestamp(metadata.get("modifiedTime"))
            return item

    def copy(self, file_id: str, metadata: dict[str, Any]) -> Item:
        with self._lock:
            original = self.get(file_id)
            inherited = {"name": original.name, "mimeType": original.mime_type, "parents": [original.parent]}
            return self.create(inherited | metadata, original.content)

    def delete(self, file_id: str) -> None:
        """Delete an item for good, with everything below it."""
        with self._lock:
            item = self.get(file_id)
            for child in [child for child in self._items.values() if child.parent == item.id]:
                self.delete(child.id)
            del self._items[item.id]

    def search(self, query: str) -> list[Resource]:
        """The items that files.list finds, newest first. Raises QueryError."""
        test = parse_query(query)
        with self._lock:
            resources = [self.resource(item) for item in reversed(self._items.values()) if item.id != self.root]
        return [resource for resource in resources if test(resource)]

    def resource(self, item: Item) -> Resource:
        """The item in the API's JSON. Docs and shortcuts have neither a size nor a hash."""
        with self._lock:
            resource: Resource = {
                "kind": "drive#file",
                "id": item.id,
                "name": item.name,
                "mimeType": item.mime_type,
                "parents": [item.parent] if item.parent else [],
                "trashed": self.in_trash(item),
                "explicitlyTrashed": item.trashed,
                "createdTime": item.created,
                "modifiedTime": item.modified,
            }
            if item.content is not None:
                resource |= {"size": str(len(item.content))} | item.hashes
            if item.mime_type == DOCUMENT:
                resource["exportLinks"] = {WORD: f"https://www.googleapis.com/export/{item.id}"}
            if item.mime_type == SHORTCUT:
                target = self._items.get(item.target)
                details = {"targetMimeType": target.mime_type} if target else {}
                resource["shortcutDetails"] = {"targetId": item.target} | details
            return resource

    def in_trash(self, item: Item) -> bool:
        """Everything below a trashed folder is in the trash too."""
        return any(each.trashed for each in self._line(item))

    def path(self, item: Item) -> str:
        """The names from the root down, joined by slashes."""
        return "/".join(reversed([each.name for each in self._line(item)]))

    def visible(self) -> list[Item]:
        """Everything outside the trash except the root, by path and then by age."""
        with self._lock:
            items = [item for item in self._items.values() if item.parent and not self.in_trash(item)]
            return sorted(items, key=self.path)

    def find(self, names: Sequence[str]) -> list[Item]:
        with self._lock:
            return [item for item in self.visible() if [each.name for each in self._line(item)][::-1] == list(names)]

    def _line(self, item: Item) -> Iterator[Item]:
        """The item and the folders above it, except the root."""
        while item.parent:
            yield item
            item = self._items[item.parent]


def _timestamp(text: str | None) -> str:
    """A time as Drive stores it, in UTC with milliseconds; now if none is given."""
    instant = datetime.fromisoformat(text).astimezone(UTC) if text else datetime.now(UTC)
    return instant.strftime("%Y-%m-%dT%H:%M:%S.") + f"{instant.microsecond // 1000:03}Z"
