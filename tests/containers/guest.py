"""What the virtual machine runs: `guest.py IMAGE SOURCE OUTPUT`. It starts Docker and prints what it finds out.

The second disk has Docker's data, with the image of this tree. A fleet works on SOURCE, each role in a container of
its own as in compose.yaml, the worker with a gibibyte and one processor. The worker is stopped with work in hand, and
started again.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

from tests.containers.engines import UID, Engine

GROUPS = Path("/sys/fs/cgroup")
LOG = Path("/run/dockerd.log")
DATA = Path("/var/lib/docker")
SAFE = (
    *("--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--tmpfs", "/tmp:size=64m"),
    *("--volume", "spool:/spool", "--detach"),
)
SEEN = ("/proc/self/cgroup", f"{GROUPS}/memory.max", f"{GROUPS}/cpu.max")
PATIENCE = 200.0  # seconds for each thing, in a machine that may be emulated


def tell(name: str, **facts: Any) -> None:
    """A line of JSON. uptime is in seconds."""
    print(json.dumps({"name": name, "uptime": round(time.monotonic(), 1), **facts}), flush=True)


def wait(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"not within {PATIENCE:g} s: {what}"
        time.sleep(0.2)


@contextlib.contextmanager
def engine() -> Iterator[Engine]:
    """Docker, with an empty /run: the other machine had one of its own."""
    DATA.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "run", "/run"], check=True)
    subprocess.run(["mount", "-t", "ext4", "/dev/vda", DATA], check=True)
    docker = Engine()
    with LOG.open("wb") as log:
        daemon = subprocess.Popen(
            [
                *("dockerd", "--data-root", DATA, "--storage-driver", "overlay2"),
                *("--bridge", "none", "--iptables=false", "--ip6tables=false", "--ip-forward=false"),
                *("--exec-opt", "native.cgroupdriver=cgroupfs"),
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        wait(lambda: daemon.poll() is not None or docker.answers, "an engine that answers")
        assert daemon.poll() is None, "dockerd does not run"
        yield docker
    finally:
        daemon.terminate()


class Fleet:
    """Containers of the image: broker, worker and listener, with one network of their own."""

    def __init__(self, docker: Engine, image: str, output: Path) -> None:
        self._docker = docker
        self._image = image
        self._output = output
        output.mkdir()
        os.chown(output, UID, UID)

    def start(self, role: str, *options: object, argv: tuple[object, ...] = ()) -> None:
        network = "none" if role == "broker" else "container:broker"
        self.docker("run", "--name", role, "--network", network, *SAFE, *options, self._image, role, *argv)

    def docker(self, *argv: object) -> str:
        return self._docker.run(*argv, patience=PATIENCE)

    def state(self, role: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.docker("inspect", "--format", "{{json .State}}", role))
        return found

    def peak(self, role: str) -> int:
        """The most memory that the container had since it was started, in bytes."""
        container = self.docker("inspect", "--format", "{{.Id}}", role)
        return int((GROUPS / "docker" / container / "memory.peak").read_text())

    def outputs(self) -> dict[str, str]:
        """The hash of each finished output, by its path."""
        files = [path for path in self._output.glob("[!.]*/**/*") if path.is_file()]
        return {str(file.relative_to(self._output)): sha256(file.read_bytes()).hexdigest() for file in files}


def work(fleet: Fleet, source: str, output: str) -> None:
    fleet.start("broker", "--no-healthcheck")
    limits = ("--memory", "1g", "--cpus", "1", "--pids-limit", "256")
    health = ("--env", "HEALTH=--role worker", "--health-timeout", "60s")
    fleet.start("worker", *limits, *health)
    wait(lambda: fleet.state("worker")["Health"]["Status"] == "healthy", "a healthy worker")
    given = fleet.docker("inspect", "--format", "{{.HostConfig.Memory}} {{.HostConfig.NanoCpus}}", "worker")
    seen = fleet.docker("exec", "worker", "grep", "-H", "", *SEEN)
    tell("worker", given=given, seen=seen, health=fleet.state("worker")["Health"], log=fleet.docker("logs", "worker"))

    folders = ("--volume", f"{source}:/in:ro", "--volume", f"{output}:/out", "--volume", "state:/state")
    argv = ("--source", "/in", "--output", "/out", "--state", "/state", "--settle", "0", "--once")
    fleet.start("listener", "--no-healthcheck", *folders, argv=argv)
    wait(fleet.outputs, "an output")
    before = len(fleet.outputs())
    peak = fleet.peak("worker")
    fleet.docker("stop", "--time", "120", "worker")
    tell("stopped", before=before, peak=peak, state=fleet.state("worker"), log=fleet.docker("logs", "worker"))

    fleet.docker("start", "worker")
    wait(lambda: not fleet.state("listener")["Running"], "a listener that has all outputs")
    events = (GROUPS / "docker/memory.events").read_text()  # of all containers, and of those that have ended
    state = fleet.state("listener")
    tell("done", peak=fleet.peak("worker"), events=events, listener=state, outputs=fleet.outputs())
    tell("doctor", said=fleet.docker("exec", "worker", "sh", "-c", "filterfleet doctor --only memory --json || true"))


def main() -> None:
    image, source, output = sys.argv[1:]
    try:
        with engine() as docker:
            about = docker.run("info", "--format", "{{.ServerVersion}} {{.CgroupVersion}} {{.CgroupDriver}}")
            tell("engine", about=about.splitlines()[-1])
            work(Fleet(docker, image, Path(output)), source, output)
    except Exception:
        tell("error", error=traceback.format_exc(), log=LOG.read_text()[-3000:] if LOG.exists() else "")


if __name__ == "__main__":
    main()
