"""Where files are: folders of this machine and buckets of an S3 server, reached without rclone."""

from __future__ import annotations

import contextlib
import http.client
import os
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import quote, unquote_plus

from tests.integration.harness import LOOPBACK

TIMEOUT = 30.0  # seconds to wait for an answer


class Store(Protocol):
    """Files that are reached without rclone. Paths are relative to the remote's root."""

    def files(self, folder: str = "") -> dict[str, bytes]: ...
    def names(self, folder: str = "") -> list[str]: ...
    def put(self, path: str, data: bytes) -> None:
        """Write a file, which appears whole and replaces what is there."""

    def delete(self, path: str) -> None: ...
    def rename(self, path: str, new: str) -> None: ...


@dataclass(frozen=True)
class Place:
    """A folder in a store. fs is its name for `filterfleet --source` and `--output`. Paths are relative to it."""

    fs: str
    store: Store
    folder: str = ""

    def __truediv__(self, below: str) -> Place:
        return Place(f"{self.fs}/{below}", self.store, f"{self.folder}{below}/")

    def files(self) -> dict[str, bytes]:
        return self.store.files(self.folder)

    def names(self) -> list[str]:
        """The paths of all files, sorted."""
        return self.store.names(self.folder)

    def put(self, path: str, data: bytes) -> None:
        self.store.put(self.folder + path, data)

    def put_all(self, files: Mapping[str, bytes]) -> None:
        for path, data in files.items():
            self.put(path, data)

    def delete(self, path: str) -> None:
        self.store.delete(self.folder + path)

    def rename(self, path: str, new: str) -> None:
        self.store.rename(self.folder + path, self.folder + new)


class DiskStore:
    """A folder of this machine as a store."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)

    def names(self, folder: str = "") -> list[str]:
        below = self.root / folder
        files = (Path(there, name) for there, _, names in os.walk(below) for name in names)
        return sorted(str(file.relative_to(below)) for file in files)

    def files(self, folder: str = "") -> dict[str, bytes]:
        found = {}
        for name in self.names(folder):
            with contextlib.suppress(FileNotFoundError):  # it has just vanished
                found[name] = (self.root / folder / name).read_bytes()
        return found

    def put(self, path: str, data: bytes) -> None:
        with tempfile.NamedTemporaryFile(dir=self.root.parent, delete=False) as file:
            file.write(data)
        Path(file.name).chmod(0o644)
        self._place(Path(file.name), path)

    def delete(self, path: str) -> None:
        (self.root / path).unlink()

    def rename(self, path: str, new: str) -> None:
        self._place(self.root / path, new)

    def _place(self, file: Path, path: str) -> None:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        file.replace(target)


class S3Store:
    """A bucket of an S3 server that admits everybody."""

    def __init__(self, port: int, bucket: str) -> None:
        self._port = port
        self._bucket = f"/{bucket}"

    def names(self, folder: str = "") -> list[str]:
        found: list[str] = []
        token = ""
        while True:
            query = f"?list-type=2&encoding-type=url&prefix={quote(folder, safe='')}{token}"
            answer = ET.fromstring(self.call("GET", query))
            space = answer.tag.removesuffix("ListBucketResult")
            found += [unquote_plus(key.text or "") for key in answer.iterfind(f"{space}Contents/{space}Key")]
            more = answer.findtext(f"{space}NextContinuationToken")
            if not more:
                return sorted(name.removeprefix(folder) for name in found if not name.endswith("/"))
            token = f"&continuation-token={quote(more, safe='')}"

    def files(self, folder: str = "") -> dict[str, bytes]:
        return {name: self.call("GET", _key(folder + name)) for name in self.names(folder)}

    def put(self, path: str, data: bytes) -> None:
        self.call("PUT", _key(path), data)

    def delete(self, path: str) -> None:
        self.call("DELETE", _key(path))

    def rename(self, path: str, new: str) -> None:
        self.call("PUT", _key(new), headers={"x-amz-copy-source": self._bucket + _key(path)})
        self.delete(path)

    def call(self, method: str, what: str = "", body: bytes = b"", headers: Mapping[str, str] | None = None) -> bytes:
        """The answer's body. Raises OSError unless the status is one of success."""
        connection = http.client.HTTPConnection(LOOPBACK, self._port, timeout=TIMEOUT)
        with contextlib.closing(connection):
            connection.request(method, self._bucket + what, body, dict(headers or {}))
            answer = connection.getresponse()
            data = answer.read()
        if answer.status >= 300:
            raise OSError(f"{method} {what}: {answer.status} {data!r}")
        return data


def _key(path: str) -> str:
    return "/" + quote(path, safe="/")


def disk(folder: Path) -> Place:
    """A folder of this machine as a Place."""
    return Place(str(folder), DiskStore(folder))
