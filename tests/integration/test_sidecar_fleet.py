"""Sidecars of a real fleet, in a local output and in one that is reached through rclone."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from filterfleet.common.jobs.recipe import DEFAULT
from filterfleet.common.process.system import VERSION
from tests.integration.harness import Fleet, expected_outputs, wait_until

pytestmark = pytest.mark.slow


def check_sidecars(source: Path, output: Path) -> None:
    """Each image has one, and it says what is true."""
    outputs = expected_outputs(source)
    images = {str(file.relative_to(source)) for file in source.rglob("*.jpg")}
    found = {str(file.relative_to(output / "sidecar")) for file in (output / "sidecar").rglob("*.json")}
    assert found == {f"{image}.json" for image in images}
    for image in images:
        told = json.loads((output / "sidecar" / f"{image}.json").read_text())
        data = (source / image).read_bytes()
        assert told["source"]["path"] == image
        assert told["source"]["sha256"] == hashlib.sha256(data).hexdigest()
        assert told["source"]["bytes"] == len(data)
        assert told["recipe"]["digest"] == DEFAULT.digest.hex()
        assert (told["engine"]["name"], told["engine"]["version"]) == ("cluster", VERSION)
        assert {"decode", "filter", "encode", "turnaround"} == told["seconds"].keys()
        for made in told["outputs"]:
            data = (output / made["path"]).read_bytes()
            assert data == outputs[made["path"]]
            assert made["sha256"] == hashlib.sha256(data).hexdigest()
        assert [made["name"] for made in told["outputs"]] == ["grayscale", "blur", "edges"]


@pytest.mark.parametrize("remote", [False, True])
def test_sidecars_come_with_the_outputs_and_come_back_with_them(fleet: Fleet, photographs, tmp_path, remote: bool):
    source, output, state = tmp_path / "in", tmp_path / "out", tmp_path / "state"
    images = sorted(photographs(12, 100, 200).rglob("*.jpg"))
    (source / "trip").mkdir(parents=True)
    for number, image in enumerate(images[:4]):
        shutil.copy(image, source / ("trip" if number % 2 else ".") / f"{number}.jpg")
    fleet.start_broker()
    fleet.start_worker()
    where = f":local:{output}" if remote else output
    options = ("--once", "--settle", 0, "--sidecar", "--state", state)
    assert fleet.start_listener(source, where, *options).wait(120) == 0
    check_sidecars(source, output)

    shutil.copy(source / "0.jpg", source / "twin.jpg")
    (output / "sidecar/0.jpg.json").unlink()
    code, said = fleet.processes.run("redo", "--missing", "--state", state, "--output", where)
    assert code == 0, said
    assert fleet.start_listener(source, where, *options).wait(120) == 0
    check_sidecars(source, output)
    code, said = fleet.processes.run("verify", "--state", state, "--output", where)
    assert code == 0, said


def test_a_name_that_is_too_long_for_its_sidecar_is_a_failure_and_not_an_endless_try(
    fleet: Fleet, photographs, tmp_path
):
    source, output = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    name = "x" * 247 + ".jpg"  # with .json behind it, it has 256 bytes; with .png, 255
    shutil.copy(next(photographs(12, 100, 200).rglob("*.jpg")), source / name)
    fleet.start_broker()
    fleet.start_worker()
    listener = fleet.start_listener(source, output, "--once", "--settle", 0, "--sidecar", "--failed", "off")
    wait_until(lambda: not listener.alive, what="its end")
    assert listener.wait() == 1
    assert "The name of its output sidecar would have 256 bytes" in listener.said
