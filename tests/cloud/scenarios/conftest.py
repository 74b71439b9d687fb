"""A fleet that is ready for work, and photographs that are quickly processed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cloud.scenarios.rig import MakeWork, Work, expected_of
from tests.cloud.stores import Place
from tests.integration.harness import Fleet

SHORTEST, LONGEST = 160, 300  # pixels


@pytest.fixture
def make_work(fleet: Fleet, tmp_path: Path) -> MakeWork:
    """make_work(source, output) starts a broker and a worker with two threads; a listener is still to be started."""

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
    """A hundred photographs, by their paths."""
    folder = photographs(100, SHORTEST, LONGEST)
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*.jpg"))}


@pytest.fixture(scope="session")
def expected(images) -> dict[str, bytes]:
    """The outputs they must become, by their paths."""
    return expected_of(images)
