"""Texts with the names of files: whatever the engine, each image says its own, and twins say theirs."""

from __future__ import annotations

from pathlib import Path

import pytest

from filterfleet.recipes import load_recipe
from tests.engines.conftest import Run, SetupOf
from tests.engines.rig import outputs_of
from tests.integration.harness import expected_outputs

RECIPE = """
[outputs.marked]
steps = [{ filter = "watermark_text", text = "{folder} {name}", size = 10 }]
encoding = "png"

[outputs.gray]
steps = ["grayscale"]
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", ["processes", "mpi", "dask", "cluster"])
def test_each_image_says_its_own_name(name: str, setup_of: SetupOf, run: Run, good: Path, tmp_path: Path) -> None:
    (tmp_path / "names.toml").write_text(RECIPE)
    run(setup_of(name).command(good, tmp_path / "out", "--recipe", tmp_path / "names.toml")).check(0)
    outputs = outputs_of(tmp_path / "out")
    assert outputs == expected_outputs(good, load_recipe(tmp_path / "names.toml"))
    assert outputs["marked/CAPITALS.JPG.png"] != outputs["marked/trip/twin.jpg.png"]
    assert outputs["gray/CAPITALS.JPG"] == outputs["gray/trip/twin.jpg"]
