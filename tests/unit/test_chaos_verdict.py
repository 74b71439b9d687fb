"""The verdict sees every kind of damage; each is done here by hand to a batch that was clean."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys

import pytest

from filterfleet.chaos.photographs import Photographs
from filterfleet.chaos.verdict import images_in, survivors, wrong_in_ledger, wrong_in_outputs
from filterfleet.common.files import write_atomically
from filterfleet.common.jobs.names import place_of
from filterfleet.common.jobs.recipe import DEFAULT
from filterfleet.common.process.command import SUPERVISOR
from filterfleet.common.wire import OutputFile, Result
from filterfleet.listener.core.scan import Version
from filterfleet.listener.ledger.ledger import Ledger
from filterfleet.listener.state import PRIVATE
from filterfleet.worker.pipeline import process


class Batch:
    """Four photographs, processed and recorded as a fleet would."""

    def __init__(self, root):
        self.source, self.output = root / "in", root / "out"
        self.source.mkdir()
        (self.output / PRIVATE / "tmp").mkdir(parents=True)
        (root / "drafts").mkdir()
        photographs = Photographs(self.source, root / "drafts", seed=1)
        for _ in range(4):
            photographs.add()
        self.images = images_in(self.source)
        self.ledger = self.output / PRIVATE / "ledger.sqlite3"
        ledger = Ledger(self.ledger, str(self.source), DEFAULT.digest.hex())
        for image in self.images:
            done = process((self.source / image).read_bytes(), DEFAULT)
            for made, blob in zip(done.outputs, done.blobs, strict=True):
                write_atomically(self.place(image, made), blob, self.output / PRIVATE / "tmp")
            ledger.add(image, Version(1, 1), fresh=False)
            ledger.done(
                image, Version(1, 1), Result(b"job", done.outputs, done.report), engine="cluster", write=0, turnaround=0
            )
        ledger.commit()
        ledger.close()

    def place(self, image: str, made: OutputFile):
        return self.output / place_of(made, image)

    def sql(self, statement: str, *values: object) -> None:
        database = sqlite3.connect(self.ledger)
        database.execute(statement, values)
        database.commit()
        database.close()

    @property
    def wrong(self) -> list[str]:
        return [
            *wrong_in_ledger(self.ledger, self.images),
            *wrong_in_outputs(self.source, self.output, self.images, DEFAULT),
        ]

    def some_output(self):
        return next(file for file in sorted((self.output / "grayscale").rglob("*")) if file.is_file())


@pytest.fixture
def batch(tmp_path):
    return Batch(tmp_path)


def test_a_clean_batch_is_called_clean(batch):
    assert batch.wrong == []


def test_a_lost_output_is_seen(batch):
    batch.some_output().unlink()
    (sentence,) = batch.wrong
    assert sentence.startswith("1 missing at the output: grayscale/")


def test_an_output_with_other_bytes_is_seen(batch):
    file = batch.some_output()
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    (sentence,) = batch.wrong
    assert sentence.startswith("1 not what the sequential pipeline makes: grayscale/")


def test_a_file_too_many_is_seen(batch):
    (batch.output / "failed").mkdir()
    (batch.output / "failed" / "a.jpg").touch()
    assert batch.wrong == ["1 at the output without an image: failed/a.jpg."]


def test_a_temporary_file_is_seen(batch):
    (batch.output / PRIVATE / "tmp" / "half").touch()
    assert batch.wrong == ["1 left over as temporary files: half."]


@pytest.mark.parametrize("state", ["pending", "failed"])
def test_an_image_that_is_not_done_is_seen(batch, state):
    batch.sql("UPDATE objects SET state = ? WHERE path = ?", state, batch.images[0])
    assert batch.wrong == [f"1 not recorded as done: {batch.images[0]}."]


def test_an_image_that_is_not_recorded_is_seen(batch):
    batch.sql("DELETE FROM results WHERE path = ?", batch.images[1])
    assert batch.wrong == [f"1 without a recorded result: {batch.images[1]}."]


def test_an_image_that_is_recorded_twice_is_seen(batch):
    batch.sql("UPDATE results SET path = ?, size = 2 WHERE path = ?", batch.images[0], batch.images[1])
    assert f"1 recorded more than once: {batch.images[0]}." in batch.wrong


def test_an_image_that_was_never_there_is_seen(batch):
    batch.sql(
        "INSERT INTO objects (source, path, size, mtime_ns, tag, recipe, state, fresh) "
        "SELECT source, 'x.jpg', 1, 1, '', recipe, 'done', 0 FROM objects LIMIT 1"
    )
    assert batch.wrong == ["1 recorded, but never there: x.jpg."]


def test_a_long_list_is_cut_short(batch):
    for number in range(7):
        (batch.output / PRIVATE / "tmp" / f"{number}").touch()
    assert batch.wrong == ["7 left over as temporary files: 0, 1, 2, 3, 4 and 2 more."]


def test_a_process_that_is_left_is_seen_and_one_of_somebody_else_is_not():
    code = "import sys; print(flush=True); sys.stdin.read()"
    ours, others = (
        subprocess.Popen(
            [sys.executable, "-c", code],
            env=os.environ | {SUPERVISOR: str(pid)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for pid in (os.getpid(), os.getpid() + 1)
    )
    try:
        for process in (ours, others):
            process.stdout.readline()
        assert survivors() == [f"1 still running: {ours.pid}."]
    finally:
        for process in (ours, others):
            process.communicate()
    assert survivors() == []


def test_photographs_are_the_same_for_a_seed_and_all_different(tmp_path):
    contents = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        photographs = Photographs(tmp_path / name, tmp_path, seed=7)
        for _ in range(12):
            photographs.add()
        contents.append({path: (tmp_path / name / path).read_bytes() for path in images_in(tmp_path / name)})
    assert contents[0] == contents[1]
    assert len(set(contents[0].values())) == 12
