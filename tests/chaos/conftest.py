from pathlib import Path

import pytest

from tests.chaos.rig import IMAGES


@pytest.fixture
def source(photographs) -> Path:
    return photographs(IMAGES, 1200, 2000)


@pytest.fixture
def output(tmp_path) -> Path:
    return tmp_path / "out"
