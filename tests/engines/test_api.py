"""filterfleet as a library."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import filterfleet
from filterfleet.commands import run
from filterfleet.common.errors import ImageError, RecipeError
from filterfleet.common.jobs.job import Job
from filterfleet.common.jobs.recipe import DEFAULT, Output, Recipe, Step
from filterfleet.common.keys.folders import Role
from filterfleet.common.wire import Result
from filterfleet.listener.ledger.ledger import REPORT
from tests.engines.rig import outputs_of
from tests.integration.harness import LOOPBACK, Processes, expected_outputs
from tests.integration.keyed_peers import KeyedFleet


def test_process(good: Path) -> None:
    outputs = filterfleet.process((good / "CAPITALS.JPG").read_bytes())
    assert list(outputs) == ["grayscale", "blur", "edges"]
    assert {type(content) for content in outputs.values()} == {bytes}
    assert outputs["edges"].startswith(b"\x89PNG")
    expected = expected_outputs(good)
    assert outputs["blur"] == expected["blur/CAPITALS.JPG"]


def test_process_with_a_recipe(good: Path) -> None:
    image = (good / "CAPITALS.JPG").read_bytes()
    assert list(filterfleet.process(image, Recipe((Output("gray", (Step("grayscale"),)),)))) == ["gray"]
    with pytest.raises(RecipeError, match="There is no filter 'magic'"):
        filterfleet.process(image, Recipe((Output("a", (Step("magic"),)),)))
    with pytest.raises(RecipeError, match="There is no recipe and no file 'skech': did you mean 'sketch'"):
        filterfleet.process(image, "skech")
    for bad in (b"", b"text", image[: len(image) // 2]):
        with pytest.raises(ImageError, match=r"\.$"):
            filterfleet.process(bad)


def test_a_recipe_by_its_name_or_in_a_file(good: Path, tmp_path: Path) -> None:
    image = (good / "CAPITALS.JPG").read_bytes()
    assert list(filterfleet.process(image, "proof")) == ["proof", "thumbnail"]
    file = tmp_path / "recipe.toml"
    file.write_text('[outputs.negative]\nsteps = ["invert"]')
    assert list(filterfleet.process(image, file)) == ["negative"]
    filterfleet.run(good, tmp_path / "out", engine="sequential", recipe=file)
    assert {path.split("/")[0] for path in outputs_of(tmp_path / "out")} == {"negative"}


@pytest.mark.parametrize("engine", ["sequential", "threads", "processes"])
def test_run(engine: str, good: Path, tmp_path: Path) -> None:
    rows = filterfleet.run(str(good), tmp_path / "out", engine=engine)
    assert outputs_of(tmp_path / "out") == expected_outputs(good)
    assert {tuple(row) for row in rows} == {REPORT}
    assert {(row["status"], row["engine"]) for row in rows} == {("done", engine)}


def test_run_takes_the_options_of_the_command() -> None:
    """But for its report, which is what it returns, and what no process of it uses."""
    command = {*inspect.signature(run.run).parameters} - {"report", "_backend_port", "_allow_group_read"}
    assert {*inspect.signature(filterfleet.run).parameters} == command


def test_run_a_cluster(good: Path, tmp_path: Path, cluster_port: int) -> None:
    recipe = Recipe((Output("gray", (Step("grayscale"),), "png"),))
    rows = filterfleet.run(good, tmp_path / "out", engine="cluster", frontend_port=cluster_port, recipe=recipe)
    assert {row["status"] for row in rows} == {"done"}
    assert {path.split("/")[0] for path in outputs_of(tmp_path / "out")} == {"gray"}


def test_run_a_cluster_with_keys(processes: Processes, tmp_path: Path) -> None:
    fleet = KeyedFleet(processes, tmp_path / "keys")
    submits = fleet.machine(Role.CLIENT, "submits")
    fleet.start_broker()
    source, output = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    with pytest.raises(filterfleet.FleetError, match="name the folder of your keys with --keys"):
        filterfleet.run(source, output, engine="cluster", frontend_port=fleet.frontend)
    rows = filterfleet.run(source, output, engine="cluster", frontend_port=fleet.frontend, keys=str(submits))
    assert rows == []


def test_run_tells_what_is_wrong(good: Path, tmp_path: Path) -> None:
    for options, sentence in (
        ({"engine": "steam"}, "There is no engine 'steam'; there are sequential, threads"),
        ({"workers": 0}, "--workers has to be 1 or more, not 0."),
        ({"workers": -1}, "--workers has to be 1 or more, not -1."),
        ({"engine": "threads", "threads": 0}, "--threads has to be 1 or more, not 0."),
        ({"engine": "threads", "workers": 1}, "--workers is not for the engine threads"),
        ({"engine": "threads", "keys": "k"}, "--keys is not for the engine threads, but for cluster."),
    ):
        with pytest.raises(filterfleet.FleetError) as raised:
            filterfleet.run(good, tmp_path / "out", **options)
        assert str(raised.value).startswith(sentence)
    with pytest.raises(filterfleet.FleetError, match=r"The source folder .*/missing does not exist\."):
        filterfleet.run(tmp_path / "missing", tmp_path / "out", engine="threads")
    assert not (tmp_path / "out").exists()


def test_client(good: Path, cluster_port: int) -> None:
    image = (good / "CAPITALS.JPG").read_bytes()
    with filterfleet.Client(LOOPBACK, cluster_port) as client:
        job = Job(b"public-api", DEFAULT.to_bytes(), tuple(sorted(DEFAULT.filters)), len(image), (image,))
        outcome = client.submit(job).result(30)
        client.acknowledge(job.id)
    assert isinstance(outcome, Result)
    blobs = filterfleet.process(image).values()
    assert b"".join(bytes(part) for part in outcome.payload) == b"".join(blobs)


def test_importing_it_is_cheap() -> None:
    heavy = "{'cv2', 'numpy', 'zmq', 'rich', 'typer', 'sqlite3'}"
    script = f"import sys, filterfleet; print({heavy} & set(sys.modules))"
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert said.stdout == "set()\n"


def test_what_it_offers() -> None:
    importlib.import_module("filterfleet.app")  # a module named as one of them would take its place
    assert all(callable(getattr(filterfleet, name)) for name in filterfleet.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'Server'"):
        _ = filterfleet.Server
