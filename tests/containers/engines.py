"""A container engine and its client, for tests."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.integration.harness import wait_until

REPOSITORY = Path(__file__).resolve().parents[2]
CONTAINERS = REPOSITORY / "containers"
USUAL = "python:3.13-slim"
NAME = "filterfleet-test"
UID = 10001
SLOW = 800.0  # seconds for an image, where other programs are busy


@dataclass(frozen=True)
class Engine:
    """The client of an engine. host: where the engine listens, or empty for the usual place."""

    host: str = ""
    compose: tuple[str, ...] = field(default_factory=tuple)

    @property
    def environment(self) -> dict[str, str]:
        # Older engines and clients without BuildKit can build it, too.
        return os.environ | {"DOCKER_BUILDKIT": "0"} | ({"DOCKER_HOST": self.host} if self.host else {})

    def run(self, *argv: object, check: bool = True, patience: float = 170.0, **environment: object) -> str:
        """A command of docker; what it prints."""
        return self.call("docker", *argv, check=check, patience=patience, **environment)

    def call(self, *argv: object, check: bool = True, patience: float = 170.0, **environment: object) -> str:
        done = subprocess.run(
            [str(word) for word in argv],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=patience,
            env=self.environment | {name: str(value) for name, value in environment.items()},
        )
        assert not check or done.returncode == 0, f"{argv}: {done.stdout[-3000:]}"
        return done.stdout.strip()

    @property
    def answers(self) -> bool:
        argv = ["docker", "info", "--format", "{{.ServerVersion}}"]
        return subprocess.run(argv, env=self.environment, capture_output=True, timeout=60).returncode == 0

    def has(self, image: str) -> bool:
        return self.run("image", "inspect", "--format", "found", image, check=False).splitlines()[-1] == "found"


@contextlib.contextmanager
def started(folder: Path) -> Iterator[Engine | None]:
    """Docker with its data in folder/data, which stay, and its log in folder/log. None where it cannot run."""
    run = f"/run/{NAME}-{os.getpid()}-{folder.name}"[:80]  # the kernel's limit for the path of a socket is 107 bytes
    engine = Engine(f"unix://{run}.sock")
    with (folder / "log").open("wb") as log:
        daemon = subprocess.Popen(
            [
                *("unshare", "--mount", "--propagation", "private", "dockerd", "--data-root", folder / "data"),
                *("--exec-root", run, "--pidfile", folder / "pid", "--host", engine.host),
                *("--bridge", "none", "--iptables=false", "--ip6tables=false"),
                *("--exec-opt", "native.cgroupdriver=cgroupfs"),
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        wait_until(lambda: daemon.poll() is not None or engine.answers, 30, "an engine that answers")
        yield engine if daemon.poll() is None else None
    finally:
        daemon.terminate()
        daemon.wait(30)
        shutil.rmtree(run, ignore_errors=True)
