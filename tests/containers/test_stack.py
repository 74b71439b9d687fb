"""containers/compose.yaml on a real engine: a whole fleet, each role in a container of its own."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import filterfleet
from filterfleet.common.process.ports import free_ports
from tests.containers.engines import CONTAINERS, NAME, UID, Engine
from tests.integration.harness import expected_outputs, output_files, wait_until

PHOTOS = Path(filterfleet.__file__).parent / "demo" / "photos"
GIB = 1 << 30
ROLES = ("broker", "worker", "listener")

# Beside a busy machine, the image takes minutes to build.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(2000)]


@dataclass(frozen=True)
class Stack:
    """The fleet of compose.yaml, which runs."""

    engine: Engine
    folder: Path
    page: int

    def compose(self, *words: object) -> str:
        files = ("--file", CONTAINERS / "compose.yaml", "--project-name", f"filterfleet-test-{os.getpid()}")
        places = {"SOURCE": self.source, "OUTPUT": self.output, "DASHBOARD_PORT": self.page}
        return self.engine.call(*self.engine.compose, *files, *words, IMAGE=NAME, WORKERS=2, **places)

    @property
    def source(self) -> Path:
        return self.folder / "in"

    @property
    def output(self) -> Path:
        return self.folder / "out"

    def containers(self, role: str) -> list[str]:
        return self.compose("ps", "--quiet", role).split()

    def inside(self, container: str, *argv: object, check: bool = True) -> str:
        return self.engine.run("exec", container, *argv, check=check)

    def state(self, container: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.engine.run("inspect", "--format", "{{json .State}}", container))
        return found

    def log(self, container: str) -> str:
        return self.engine.run("logs", container)


@pytest.fixture(scope="module")
def stack(engine: Engine, image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    if not engine.compose:
        pytest.skip("needs Compose (apt package docker-compose, or the plugin of Docker)")
    made = Stack(engine, tmp_path_factory.mktemp("stack"), free_ports().frontend)
    for folder in (made.source, made.output):
        folder.mkdir()
        if os.geteuid() == 0:
            os.chown(folder, UID, UID)
        folder.chmod(0o777)  # the daemons are another user
    for above in (made.folder, *made.folder.parents):
        if above.stat().st_uid == os.geteuid() and above != Path("/"):
            above.chmod(above.stat().st_mode | 0o011)
    for number in range(2):
        for photo in PHOTOS.glob("*.[jp][pn]g"):
            copy = made.source / f"{number}-{photo.name}"
            copy.write_bytes(photo.read_bytes() + bytes([number]))
            copy.chmod(0o644)
    try:
        made.compose("up", "--detach", "--no-build")
        yield made
    finally:
        made.compose("kill")
        made.compose("down", "--volumes")


def test_every_image_is_done_and_each_role_is_well(stack: Stack) -> None:
    expected = expected_outputs(stack.source)
    wait_until(lambda: len(output_files(stack.output)) >= len(expected), 60, "all outputs")
    for role in ROLES:
        for container in stack.containers(role):
            wait_until(
                lambda: stack.state(container).get("Health", {}).get("Status") == "healthy",  # noqa: B023
                60,
                f"a healthy {role}: {stack.log(container)[-1000:]}",
            )
    files = {path: file.read_bytes() for path, file in output_files(stack.output).items()}
    assert files == expected


def test_a_worker_with_a_gibibyte_and_one_processor_takes_one_thread_and_less_memory(stack: Stack) -> None:
    for worker in stack.containers("worker"):
        limits = stack.engine.run("inspect", "--format", "{{.HostConfig.Memory}} {{.HostConfig.NanoCpus}}", worker)
        assert limits == f"{GIB} 1000000000"
        assert " threads=1 " in stack.log(worker)
        version_1, version_2 = "/sys/fs/cgroup/memory/memory.max_usage_in_bytes", "/sys/fs/cgroup/memory.peak"
        peak = stack.inside(worker, "sh", "-c", f"cat {version_1} 2>/dev/null || cat {version_2}")
        assert 10 << 20 < int(peak) < GIB
        said = json.loads(stack.inside(worker, "filterfleet", "doctor", "--only", "memory", "--json", check=False))
        assert "1.0 GiB" in said["findings"][0]["says"]
        assert not stack.state(worker)["OOMKilled"]


def test_no_container_can_change_its_image_or_gain_rights(stack: Stack) -> None:
    for role in ROLES:
        container = stack.containers(role)[0]
        assert stack.inside(container, "id", "-u") == str(UID)
        assert "Read-only file system" in stack.inside(container, "touch", "/opt/filterfleet/new", check=False)
        status = stack.inside(container, "cat", "/proc/1/status")
        assert "CapBnd:\t0000000000000000" in status
        assert "NoNewPrivs:\t1" in status


def test_each_role_has_the_keys_of_its_own_role_only(stack: Stack) -> None:
    (worker, *_), (listener, *_) = stack.containers("worker"), stack.containers("listener")
    assert stack.inside(worker, "ls", "/keys/worker", "/keys/broker", "/keys/client").split() == [
        *("/keys/broker:", "/keys/client:", "/keys/worker:", "broker.key", "worker.key_secret"),
    ]
    assert stack.inside(listener, "ls", "/keys/client", "/keys/broker").split() == [
        *("/keys/broker:", "/keys/client:", "broker.key", "client.key_secret"),
    ]


def test_keys_that_are_there_are_kept(stack: Stack) -> None:
    (broker,) = stack.containers("broker")
    before = stack.inside(broker, "sh", "-c", "cat /keys/broker/*.key /keys/broker/*/*.key")
    assert "keys made" not in stack.compose("run", "--rm", "keys")
    assert stack.inside(broker, "sh", "-c", "cat /keys/broker/*.key /keys/broker/*/*.key") == before


def test_the_page_is_on_this_machine_only(stack: Stack) -> None:
    (page,) = stack.containers("dashboard")
    wait_until(lambda: "The dashboard is at" in stack.log(page), 30, "the page")
    with socket.create_connection(("127.0.0.1", stack.page), 10) as connection:
        connection.sendall(b"GET / HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")
        assert connection.recv(1000).startswith(b"HTTP/1.1 401")  # it wants the token
    published = stack.engine.run("port", page, "8765")
    assert published == f"127.0.0.1:{stack.page}"


def test_killed_containers_come_back_and_nothing_is_lost(stack: Stack) -> None:
    """The engine starts them again; the broker may get another address."""
    if os.geteuid() != 0:
        pytest.skip("needs root: what an engine kills itself, it does not start again")
    killed = [stack.containers(role)[0] for role in ROLES]
    pids = {container: stack.state(container)["Pid"] for container in killed}
    for number, photo in enumerate(sorted(PHOTOS.glob("*.[jp][pn]g"))):
        copy = stack.source / f"late-{number}-{photo.name}"
        copy.write_bytes(photo.read_bytes() + b"late")
        copy.chmod(0o644)
    for pid in pids.values():
        os.kill(pid, 9)
    expected = expected_outputs(stack.source)
    wait_until(lambda: len(output_files(stack.output)) >= len(expected), 90, "the outputs of all images")
    assert all(stack.state(container)["Pid"] not in (0, pids[container]) for container in killed)
    assert {path: file.read_bytes() for path, file in output_files(stack.output).items()} == expected


def test_stopping_a_worker_drains_it(stack: Stack) -> None:
    worker = stack.containers("worker")[0]
    stack.engine.run("stop", "--time", "30", worker)
    assert stack.state(worker)["ExitCode"] == 0
