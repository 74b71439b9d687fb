"""The client of a container engine, for tests."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

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

    def has(self, image: str) -> bool:
        return self.run("image", "inspect", "--format", "found", image, check=False).splitlines()[-1] == "found"
