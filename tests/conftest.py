"""Shared by all tests: the option --seeds, photographs, and processes that end with their test."""

from __future__ import annotations

import functools
import random
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

import filterfleet
from filterfleet.worker.pixels.opencv import cv2
from tests.integration.harness import Fleet, Processes, expected_outputs

# No deadlines, because the machine may be busy. Each property takes about a second.
settings.register_profile("filterfleet", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("filterfleet")

# Seconds that a slow test may take, unless it says otherwise. With more, one that hangs holds up the others for longer.
# With less, one that waits for several things in turn ends too early on a busy machine.
PATIENCE = 600

MakePhotographs = Callable[[int, int, int], Path]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--seeds", type=int, default=1000, help="seeds of the simulation in the slow tests")


@pytest.hookimpl(trylast=True)  # when the others are deselected
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Gives slow tests their time. Files whose tests may take longest begin first, then those with most tests, so that
    both processes of `make test-slow` end together."""
    most: Counter[Path] = Counter()
    tests = Counter(item.path for item in items)
    for item in items:
        own = item.get_closest_marker("timeout")
        if own is not None:
            most[item.path] = max(most[item.path], own.args[0])
        elif item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.timeout(PATIENCE))
    items.sort(key=lambda item: (-most[item.path], -tests[item.path], item.path))


@pytest.fixture(scope="session", autouse=True)
def _state_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """State that filterfleet keeps for its user lasts for this test run only."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture
def processes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processes]:
    started = Processes(tmp_path_factory.mktemp("logs"))
    try:
        yield started
    finally:
        started.close()


@pytest.fixture
def fleet(processes: Processes) -> Fleet:
    return Fleet(processes)


@pytest.fixture(scope="session")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> MakePhotographs:
    """(count, shortest, longest) -> a folder of `count` different photographs, a third of them in subfolders.

    Their sides are between the two lengths, in pixels. Each folder is made once and shared: tests must not change it.
    """

    @functools.cache
    def make(count: int, shortest: int, longest: int) -> Path:
        folder = tmp_path_factory.mktemp(f"photographs-{count}-{shortest}-{longest}")
        rng = random.Random(count)
        originals = [cv2.imread(str(file)) for file in sorted(_photos().glob("*.[jp][pn]g"))]
        for number in range(count):
            below = folder / ("", "", "trip", "trip/day 2")[number % 4] if number % 3 == 0 else folder
            below.mkdir(parents=True, exist_ok=True)
            size = rng.randint(shortest, longest), rng.randint(shortest, longest)
            image = cv2.resize(_crop(rng.choice(originals), rng), size, interpolation=cv2.INTER_AREA)
            _, encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, rng.randint(75, 95)])
            (below / f"{number:04}.jpg").write_bytes(encoded.tobytes())
        return folder

    return make


def _photos() -> Path:
    return Path(filterfleet.__file__).parent / "demo" / "photos"


def _crop(image: np.ndarray, rng: random.Random) -> np.ndarray:
    height, width = image.shape[:2]
    top, left = rng.randrange(height // 2), rng.randrange(width // 2)
    return image[top : top + height // 2, left : left + width // 2]


@pytest.fixture(scope="session")
def expected() -> Callable[[Path], dict[str, bytes]]:
    """The right outputs of a source folder, computed once for each."""
    return functools.cache(expected_outputs)
