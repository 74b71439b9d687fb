"""Files of the same size and time, on a real file system and through a real engine."""

from __future__ import annotations

import os
import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pytest

from filterfleet.batch import run
from filterfleet.common.jobs.recipe import Output, Recipe, Step
from filterfleet.listener.ledger.opening import LEDGER
from filterfleet.listener.state import PRIVATE
from filterfleet.worker.pixels.opencv import cv2

RECIPE = Recipe((Output("gray", (Step("grayscale"),), "png"),))


def frame(folder: Path, name: str, value: int) -> Path:
    """A BMP, as a camera makes them: all of one size, and some of one time."""
    file = folder / name
    cv2.imwrite(str(file), np.full((8, 8, 3), value, np.uint8))
    os.utime(file, (1_700_000_000, 1_700_000_000))
    return file


class Work:
    def __init__(self, folder: Path) -> None:
        self.source, self.output, self.elsewhere = folder / "in", folder / "out", folder / "elsewhere"
        for place in (self.source, self.output, self.elsewhere):
            place.mkdir()
        frame(self.source, "a.bmp", 10)
        self.run()

    def run(self) -> int:
        """Returns the shade of the output."""
        (row,) = run(self.source, self.output, engine="sequential", recipe=RECIPE)
        assert row["status"] == "done"
        return int(cv2.imread(str(self.output / "gray/a.bmp.png"), cv2.IMREAD_GRAYSCALE)[0, 0])

    def times(self) -> int:
        """How often the present content was worked on."""
        with sqlite3.connect(self.output / PRIVATE / LEDGER) as ledger:
            return int(ledger.execute("SELECT times FROM results").fetchone()[0])


@pytest.fixture
def work(tmp_path: Path) -> Work:
    return Work(tmp_path)


def test_another_content_that_is_copied_or_moved_over_a_file_is_done(work: Work) -> None:
    assert work.run() == 10
    shutil.copy2(frame(work.elsewhere, "a.bmp", 20), work.source / "a.bmp")  # as cp -p does
    assert work.run() == 20
    frame(work.elsewhere, "a.bmp", 30).rename(work.source / "a.bmp")
    assert work.run() == 30


def test_a_chmod_and_a_hard_link_have_nothing_done_again(work: Work) -> None:
    (work.source / "a.bmp").chmod(0o640)
    os.link(work.source / "a.bmp", work.elsewhere / "a.bmp")
    before = (work.output / "gray/a.bmp.png").stat()
    assert work.run() == 10
    assert (work.output / "gray/a.bmp.png").stat() == before
    assert work.times() == 1
