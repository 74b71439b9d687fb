"""`rclone serve` on loopback, with the configuration of a remote that leads there."""

import contextlib
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from filterfleet.listener.cloud.rclone.binary import find_rclone

USER, PASSWORD = "somebody", "correct-horse-battery"
KINDS = ("s3", "sftp", "webdav")
DEADLINE = 15.0  # seconds; far more than a server takes to start


@dataclass
class Server:
    """A store of one kind over a local folder; `fs` is its root as rclone knows it."""

    kind: str
    home: Path
    password: str = PASSWORD  # the one that the remote is configured with
    options: tuple[str, ...] = ()
    port: int = field(default_factory=lambda: free_port())
    process: subprocess.Popen | None = None

    @property
    def root(self) -> Path:
        """What the store holds: a file below is what a client finds at the same path."""
        return self.home / "data" / "bucket"

    @property
    def log(self) -> Path:
        return self.home / "server.log"

    @property
    def config(self) -> Path:
        return self.home / "rclone.conf"

    @property
    def fs(self) -> str:
        return f"{self.kind}-store:bucket"

    def start(self) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        self.config.write_text(self._section())
        user = (
            [f"--auth-key={USER},{PASSWORD}", "--force-path-style=true"]
            if self.kind == "s3"
            else [f"--user={USER}", f"--pass={PASSWORD}"]
        )
        argv = [find_rclone(), "serve", self.kind, f"--addr=127.0.0.1:{self.port}", "--dir-cache-time=1s", "-v"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*argv, *user, *self.options, str(self.home / "data")], stdout=log, stderr=log, process_group=0
            )
        deadline = time.monotonic() + DEADLINE
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.02)

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def _section(self) -> str:
        settings = {
            "s3": f"type = s3\nprovider = Other\naccess_key_id = {USER}\nsecret_access_key = {self.password}\n"
            f"endpoint = http://127.0.0.1:{self.port}\n",
            "sftp": f"type = sftp\nhost = 127.0.0.1\nport = {self.port}\nuser = {USER}\n"
            f"pass = {obscure(self.password)}\n",
            "webdav": f"type = webdav\nurl = http://127.0.0.1:{self.port}\nvendor = other\nuser = {USER}\n"
            f"pass = {obscure(self.password)}\n",
        }
        return f"[{self.kind}-store]\n{settings[self.kind]}"


def obscure(password: str) -> str:
    """As rclone keeps passwords in its configuration."""
    done = subprocess.run([find_rclone(), "obscure", password], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]
