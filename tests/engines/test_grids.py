"""Grids of thin lines, on which cv2.Canny's usual way ends the process: every engine does them, and loses no worker."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from filterfleet.worker.pixels.opencv import cv2
from tests.engines.conftest import QUICK, SLOW, Run, SetupOf
from tests.engines.rig import outputs_of
from tests.fuzz.patterns import grids


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("grids")
    for number, image in enumerate(grids()):
        (folder / f"{number}.png").write_bytes(cv2.imencode(".png", image)[1].tobytes())
    return folder


@pytest.fixture(scope="session")
def edges() -> dict[str, np.ndarray]:
    """OpenCV's own Canny of each grid, without Intel's IPP."""
    cv2.ipp.setUseIPP(False)
    found = {f"edges/{number}.png": cv2.Canny(image, 100, 200) for number, image in enumerate(grids())}
    cv2.ipp.setUseIPP(True)
    return found


@pytest.mark.parametrize("name", [*QUICK, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)])
def test_all_grids_are_done(
    name: str, setup_of: SetupOf, run: Run, folder: Path, edges: dict[str, np.ndarray], tmp_path: Path
) -> None:
    ended = run(setup_of(name).command(folder, tmp_path / "out")).check(0)
    assert f"{len(edges)} images done, 0 failed." in ended.stderr
    assert "died" not in ended.stderr
    outputs = outputs_of(tmp_path / "out")
    for path, expected in edges.items():
        assert np.array_equal(cv2.imdecode(np.frombuffer(outputs[path], np.uint8), cv2.IMREAD_UNCHANGED), expected)
