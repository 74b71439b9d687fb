"""The image on Docker in a virtual machine, whose kernel has control groups of version 2 alone."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

import filterfleet
from filterfleet.worker.pixels.opencv import cv2
from tests.containers.engines import SLOW, Engine, started
from tests.integration.harness import expected_outputs
from tests.machine.conftest import Machine, Needed, needed

PHOTO = Path(filterfleet.__file__).parent / "demo" / "photos" / "retina.jpg"
IMAGES, SIZE = 3, (5000, 3300)  # pixels
GIB = 1 << 30
DISK = "4G"

# An image may take minutes to build, and an emulated machine takes five for the rest.
pytestmark = [pytest.mark.slow, pytest.mark.exhaustive, pytest.mark.timeout(2000)]


@dataclass(frozen=True)
class Said:
    """What the machine said, by name, and the outputs that are right."""

    lines: dict[str, dict[str, Any]]
    expected: dict[str, str]

    def __getitem__(self, name: str) -> dict[str, Any]:
        assert name in self.lines, self.lines.get("error", f"only {', '.join(self.lines)}")
        return self.lines[name]


@pytest.fixture(scope="session")
def parts() -> Needed:
    """Asked first: an image takes minutes."""
    if missing := [name for name in ("dockerd", "containerd", "runc", "mke2fs") if shutil.which(name) is None]:
        pytest.skip(f"needs {', '.join(missing)} for the virtual machine (apt packages docker.io and e2fsprogs)")
    return needed()


def disk(engine: Engine, image: str, folder: Path) -> Path:
    """A disk with the data of a Docker that has the image. An emulated machine takes minutes to load it."""
    archive, disk = folder / "image.tar", folder / "disk.img"
    engine.run("save", "--output", archive, image, patience=SLOW)
    with started(folder) as other:
        assert other is not None, (folder / "log").read_text()[-500:]
        other.run("load", "--input", archive, patience=SLOW)
    archive.unlink()
    subprocess.run(["mke2fs", "-q", "-t", "ext4", "-d", folder / "data", disk, DISK], check=True, timeout=SLOW)
    shutil.rmtree(folder / "data")
    return disk


@pytest.fixture(scope="module")
def said(parts: Needed, engine: Engine, image: str, tmp_path_factory: pytest.TempPathFactory) -> Said:
    folder = tmp_path_factory.mktemp("version-2")
    source = folder / "in"
    source.mkdir()
    picture = cv2.imread(str(PHOTO))
    assert picture is not None
    for number in range(IMAGES):
        cv2.imwrite(str(source / f"{number}.jpg"), cv2.resize(picture, (SIZE[0] - number, SIZE[1])))
    expected = {name: sha256(content).hexdigest() for name, content in expected_outputs(source).items()}
    machine = Machine(folder, parts, disk(engine, image, folder))
    argv = ("env", f"PATH={os.environ['PATH']}", sys.executable, "-m", "tests.containers.guest")
    lines = machine.run(*argv, image, source, folder / "out")
    return Said({line.pop("name"): line for line in lines}, expected)


def test_the_engine_uses_groups_of_version_2(said: Said) -> None:
    _, version, driver = said["engine"]["about"].split()
    assert (version, driver) == ("2", "cgroupfs")


def test_a_worker_with_a_gibibyte_and_one_processor_takes_one_thread(said: Said) -> None:
    assert said["worker"]["given"] == f"{GIB} 1000000000"
    assert " threads=1 " in f"{said['worker']['log']} ", said["worker"]["log"]
    assert "1.0 GiB" in json.loads(said["doctor"]["said"])["findings"][0]["says"]


def test_the_container_sees_its_limits_as_the_top(said: Said) -> None:
    seen = said["worker"]["seen"].splitlines()
    assert "/proc/self/cgroup:0::/" in seen
    assert f"/sys/fs/cgroup/memory.max:{GIB}" in seen
    assert "/sys/fs/cgroup/cpu.max:100000 100000" in seen


def test_it_takes_less_memory_than_it_may(said: Said) -> None:
    assert 10 << 20 < said["stopped"]["peak"] < GIB
    assert 0 < said["done"]["peak"] < GIB
    assert "oom 0\noom_kill 0\n" in said["done"]["events"]
    assert not said["stopped"]["state"]["OOMKilled"]


def test_the_engine_asks_it_for_its_health(said: Said) -> None:
    assert said["worker"]["health"]["Status"] == "healthy", said["worker"]["health"]


def test_stopping_it_with_work_in_hand_drains_it_and_nothing_is_lost(said: Said) -> None:
    stopped, done = said["stopped"], said["done"]
    assert 0 < stopped["before"] < len(said.expected)
    assert stopped["state"]["ExitCode"] == 0, stopped
    assert "worker stopped" in stopped["log"]
    assert "handing tasks back" not in stopped["log"]
    assert done["listener"]["ExitCode"] == 0, done
    assert done["outputs"] == said.expected
