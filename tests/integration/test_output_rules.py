"""Names of files and outputs that only some images get, through a fleet: in columns, by pull and by reference."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from filterfleet.batch import run
from filterfleet.commands.submit import Written, submit_files
from filterfleet.recipes import load_recipe
from tests.integration.harness import Fleet, Processes, check_ledger, check_outputs, output_files

pytestmark = pytest.mark.slow

RECIPE = """
[outputs.small]
steps = [{ filter = "thumbnail", width = 40, height = 40 }]
encoding = "webp"
name = "{stem}-{width}x{height}.{ext}"

[outputs.huge]
steps = []
encoding = "png"
name = "{name}.{ext}"
when = { min_width = 1000 }

[outputs.zoom]
steps = []
encoding = "deepzoom"
lossless = true
when = { min_width = 1000 }

[outputs.iiif]
steps = []
encoding = "iiif"
id = "https://example.org/iiif"
when = { min_width = 1000 }

[outputs.tall]
steps = ["invert"]
when = { max_width = 299, min_height = 300 }
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    file = tmp_path / "recipe.toml"
    file.write_text(RECIPE)
    return file


@pytest.fixture
def source(photographs, noise_bmp, tmp_path: Path) -> Path:
    """Small photographs, whose results travel in columns, and an image whose outputs are pulled. One is there twice."""
    folder = tmp_path / "in"
    shutil.copytree(photographs(40, 200, 400), folder)
    (folder / "noise.bmp").write_bytes(noise_bmp)
    (folder / "again").mkdir()
    (folder / "again" / "{width}.bmp").write_bytes(noise_bmp)
    return folder


@pytest.fixture
def expected(source: Path, recipe: Path, tmp_path: Path) -> dict[str, bytes]:
    output = tmp_path / "expected"
    assert {row["status"] for row in run(source, output, engine="sequential", recipe=recipe)} == {"done"}
    files = {path: file.read_bytes() for path, file in output_files(output).items()}
    assert {
        "small/noise-40x40.webp",
        "huge/again/{width}.bmp.png",
        "zoom/noise.bmp.szi",
        "iiif/noise.bmp.zip",
    } <= files.keys()
    assert any(path.startswith("tall/") for path in files)
    return files


def test_through_a_broker(
    fleet: Fleet, source: Path, recipe: Path, expected: dict[str, bytes], noise_bmp: bytes, tmp_path: Path
):
    fleet.start_broker()
    fleet.start_worker(threads=2)
    fleet.wait_for_workers(1)
    output = tmp_path / "out"
    listener = fleet.start_listener(source, output, "--once", "--settle", 0, "--recipe", recipe)
    assert listener.wait(120) == 0, listener.said
    check_outputs(output, expected)
    check_ledger(output, 42)
    assert not fleet.status()["counters"].keys() & {"malformed", "stale_result", "workers_lost"}
    code, said = fleet.processes.run("verify", "--output", output, "--hash")
    assert code == 0, said

    file = min(source.glob("*.jpg"))
    ((_, outcome),) = submit_files([file], tmp_path / "single", load_recipe(recipe), "127.0.0.1", fleet.frontend)
    assert isinstance(outcome, Written)
    names = {str(place.relative_to(tmp_path / "single")) for place in outcome.places}
    assert names == {path for path in expected if Path(path).name.startswith(file.stem) and path.count("/") == 1}

    rival = tmp_path / f"{file.stem}.png"
    rival.write_bytes(noise_bmp)
    outcomes = dict(submit_files([file, rival], tmp_path / "two", load_recipe(recipe), "127.0.0.1", fleet.frontend))
    assert isinstance(outcomes[file], Written)
    assert f"would have the name of that of {file.name}" in str(outcomes[rival])


def test_by_reference(processes: Processes, source: Path, recipe: Path, expected: dict[str, bytes], tmp_path: Path):
    """`up` gives its workers a share."""
    output = tmp_path / "out"
    options = ("--source", source, "--output", output, "--recipe", recipe, "--once", "--settle", 0, "--workers", 1)
    code, said = processes.run("up", *options, patience=120)
    assert code == 0, said
    check_outputs(output, expected)
    check_ledger(output, 42)
