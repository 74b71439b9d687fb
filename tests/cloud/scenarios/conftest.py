"""A fleet that is ready for work, and photographs that are quickly done."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cloud.scenarios.rig import MakeWork, Work, expected_of
from tests.cloud.servers import Place
from tests.integration.harness import Fleet

SHORTEST, LONGEST = 160, 300  # pixels


@pytest.fixture
def make_work(fleet: Fleet, tmp_path: Path) -> MakeWork:
    """(source, output) -> what a listener does between them, for a fleet of two workers that is started by this."""

    def make(source: Place, output: Place) -> Work:
        fleet.start_broker()
        fleet.start_worker(threads=2)
        fleet.wait_for_workers(1)
        home = tmp_path / "home"
        home.mkdir(exist_ok=True)
        return Work(fleet, home, source, output)

    return make


@pytest.fixture(scope="session")
def images(photographs) -> dict[str, bytes]:
    """A hundred photographs by their paths."""
    folder = photographs(100, SHORTEST, LONGEST)
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*.jpg"))}


@pytest.fixture(scope="session")
def expected(images) -> dict[str, bytes]:
    """What must come of them."""
    return expected_of(images)
