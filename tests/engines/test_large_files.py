"""Large images and outputs in the engines of this machine: they travel in files and are never in memory on the way."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from filterfleet.common.blob import FileBlob, whole
from filterfleet.common.errors import FleetError, SourceChangedError
from filterfleet.common.jobs.engine import Engine
from filterfleet.common.jobs.job import Job
from filterfleet.common.jobs.recipe import Output, Recipe, Step
from filterfleet.common.wire import Result
from filterfleet.common.wire.messages import INLINE_LIMIT
from filterfleet.listener.local.source import Folder
from filterfleet.listener.transfers import payload_of
from filterfleet.worker.engines import copies
from filterfleet.worker.engines.local import SequentialEngine, ThreadsEngine
from filterfleet.worker.engines.processes import ProcessesEngine
from filterfleet.worker.pixels.opencv import cv2
from tests.engines.conftest import Run, SetupOf
from tests.engines.rig import outputs_of
from tests.integration.harness import expected_outputs

RECIPE = Recipe((Output("gray", (Step("grayscale"),), "png"), Output("same", (), "png")))
ENGINES: dict[str, Callable[[], Engine]] = {
    "sequential": SequentialEngine,
    "threads": lambda: ThreadsEngine(1),
    "processes": lambda: ProcessesEngine(1, 1),
}


@pytest.fixture(scope="module", params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    with contextlib.closing(ENGINES[request.param]()) as engine:
        yield engine


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """A folder with one BMP of 12 MiB, which is hardly smaller as a PNG."""
    root = tmp_path_factory.mktemp("in")
    noise = np.random.default_rng(1).integers(0, 256, (2048, 2048, 3), np.uint8)
    (root / "a.bmp").write_bytes(cv2.imencode(".bmp", noise)[1].tobytes())
    return Folder(root)


def submit(engine: Engine, folder: Folder, size: int | None = None) -> Result:
    """Submits the image as the listener does."""
    (version,) = folder.list().objects.values()
    loaded = folder.load("a.bmp", version, engine.inline_limit)
    payload, read = payload_of(loaded.blob)
    assert payload == ()
    job = Job(b"large", RECIPE.to_bytes(), ("grayscale",), size or version.size)
    outcome = engine.submit(job, read).result(60)
    assert isinstance(outcome, Result), outcome
    return outcome


def test_a_large_image_with_large_outputs(engine: Engine, folder: Folder) -> None:
    outcome = submit(engine, folder)
    image = cv2.imread(str(folder.root / "a.bmp"))
    gray, same = (cv2.imdecode(np.frombuffer(whole(blob), np.uint8), cv2.IMREAD_UNCHANGED) for blob in outcome.payload)
    assert np.array_equal(gray, cv2.cvtColor(image, cv2.COLOR_BGR2GRAY))
    assert np.array_equal(same, image)
    sizes = [len(blob) for blob in outcome.payload]
    assert sizes == [output.size for output in outcome.outputs]
    assert sizes[0] < INLINE_LIMIT < sizes[1]
    assert [type(blob) for blob in outcome.payload] == [bytes, FileBlob]


def test_an_image_that_changes_while_it_is_read_is_to_be_looked_at_again(engine: Engine, folder: Folder) -> None:
    (version,) = folder.list().objects.values()
    with pytest.raises(SourceChangedError, match="shorter"):
        submit(engine, folder, version.size + 1)
    job = Job(b"changed", RECIPE.to_bytes(), (), version.size)
    _, read = payload_of(folder.load("a.bmp", version, engine.inline_limit).blob)
    os.utime(folder.root / "a.bmp", ns=(0, version.mtime_ns + 1))
    with pytest.raises(SourceChangedError, match="it changed while it was being sent"):
        engine.submit(job, read).result(60)


def test_a_disk_without_room_for_the_image_is_a_sentence(
    engine: Engine, folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full() -> FileBlob:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(copies, "FileBlob", full)
    with pytest.raises(FleetError, match=r"No space left on device \(\$TMPDIR\)\.$") as raised:
        submit(engine, folder)
    assert not isinstance(raised.value, SourceChangedError)


def test_the_copy_of_an_image_is_closed_with_its_outcome(
    engine: Engine, folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[FileBlob] = []
    closed: list[FileBlob] = []

    class Copy(FileBlob):
        def __init__(self) -> None:
            super().__init__()
            made.append(self)

        def close(self) -> None:
            closed.append(self)
            super().close()

    monkeypatch.setattr(copies, "FileBlob", Copy)
    submit(engine, folder)
    assert len(made) == 1
    assert closed == made


@pytest.mark.slow
@pytest.mark.parametrize("name", ["threads", "processes", "mpi", "dask"])
def test_a_run_of_large_files(name: str, setup_of: SetupOf, run: Run, folder: Folder, tmp_path: Path) -> None:
    run(setup_of(name).command(folder.root, tmp_path / "out")).check(0)
    assert outputs_of(tmp_path / "out") == expected_outputs(folder.root)
