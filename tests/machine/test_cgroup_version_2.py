"""Control groups of version 2 as a kernel makes them: what filterfleet finds out, and a fleet that stays within."""

from __future__ import annotations

import re
import shutil
import sys
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

import filterfleet
from filterfleet.listener.failed import FAILED
from filterfleet.listener.state import PRIVATE
from filterfleet.worker.pixels.opencv import cv2
from tests.integration.harness import expected_outputs
from tests.machine.conftest import Machine

PHOTOS = Path(filterfleet.__file__).parent / "demo" / "photos"
LARGE = (5000, 3300)  # pixels
GIB = 1 << 30

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@dataclass(frozen=True)
class Said:
    """What the machine said, by the name of the group, and the outputs that are right."""

    groups: dict[str, dict[str, Any]]
    expected: dict[str, str]

    def __getitem__(self, name: str) -> dict[str, Any]:
        assert name in self.groups, f"only {', '.join(self.groups)}"
        assert "error" not in self.groups[name], self.groups[name]["error"]
        return self.groups[name]


@pytest.fixture(scope="module")
def said(machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> Said:
    folder = tmp_path_factory.mktemp("photographs")
    source = folder / "in"
    source.mkdir()
    shutil.copy(PHOTOS / "coffee.jpg", source)
    picture = cv2.imread(str(PHOTOS / "retina.jpg"))
    assert picture is not None
    cv2.imwrite(str(source / "large.jpg"), cv2.resize(picture, LARGE))
    expected = {name: sha256(content).hexdigest() for name, content in expected_outputs(source).items()}
    lines = machine.run(sys.executable, "-m", "tests.machine.guest", source, folder / "out")
    return Said({line.pop("name"): line for line in lines}, expected)


@pytest.mark.parametrize(
    "name", ["a group", "limits above", "a container", "a namespace without a mount"], ids=lambda name: name
)
def test_a_gibibyte_and_one_processor(said: Said, name: str) -> None:
    assert (said[name]["memory"], said[name]["cores"]) == (GIB, 1), said[name]
    assert said[name]["for images"] < GIB


def test_without_a_group_it_has_the_whole_machine(said: Said) -> None:
    assert said["no group"]["memory"] > 1.5 * GIB
    assert said["no group"]["cores"] == 2


def test_memory_above_which_the_kernel_slows_a_group_down(said: Said) -> None:
    assert (said["memory.high"]["memory"], said["memory.high"]["cores"]) == (GIB // 2, 2)


@pytest.mark.parametrize("name", ["a cpuset", "half a processor"])
def test_fewer_processors(said: Said, name: str) -> None:
    assert said[name]["cores"] == 1
    assert said[name]["memory"] == said["no group"]["memory"]


def test_a_fleet_stays_within_its_container(said: Said) -> None:
    fleet = said["a fleet"]
    assert fleet["code"] == 0, fleet["said"]
    assert re.search(r"worker started .*threads=1\b", fleet["worker"]), fleet["worker"]
    assert 10 << 20 < fleet["peak"] < GIB
    assert "oom_kill 0\n" in fleet["events"]
    outputs = {
        name: found for name, found in fleet["outputs"].items() if not name.startswith((f"{PRIVATE}/", f"{FAILED}/"))
    }
    assert outputs == said.expected
