"""Temporary files end when the image ends, whether it succeeds or fails, and not when garbage is collected."""

import errno
from typing import ClassVar

import numpy as np
import pytest

from filterfleet.common.blob import FileBlob
from filterfleet.common.errors import ImageError
from filterfleet.common.jobs.job import Job
from filterfleet.common.jobs.recipe import DEFAULT, Damaged, Output, Recipe, Step
from filterfleet.common.wire import Failed, Result
from filterfleet.common.wire.messages import INLINE_LIMIT
from filterfleet.worker.attempt import answer, attempt
from filterfleet.worker.closing import closed_on_error
from filterfleet.worker.engines import copies, local
from filterfleet.worker.formats import Header, Target
from filterfleet.worker.memory import Memory
from filterfleet.worker.pixels.opencv import cv2
from filterfleet.worker.resources import Resources
from filterfleet.worker.settings import STRIPS_NEED
from filterfleet.worker.strips import edges as edges_module
from filterfleet.worker.strips import process_in_strips
from filterfleet.worker.strips import run as run_module
from filterfleet.worker.strips import spool as spool_module
from filterfleet.worker.strips import upright as upright_module
from filterfleet.worker.strips.writers import jpeg, png, tiff
from filterfleet.worker.tree import grow

USERS = (edges_module, run_module, spool_module, upright_module, jpeg, png, tiff)


class Watched(FileBlob):
    """A temporary file that is kept by the test, so that nothing but close() can end it."""

    made: ClassVar[list] = []
    room = 1 << 62  # bytes of the disk

    def __init__(self, descriptor=None):
        super().__init__(descriptor)
        self.closed = False
        Watched.made.append(self)

    def write(self, offset, data):
        if offset + len(data) > Watched.room:
            raise OSError(errno.ENOSPC, "No space left on device")
        super().write(offset, data)

    def close(self):
        self.closed = True
        super().close()


@pytest.fixture(autouse=True)
def watched(monkeypatch):
    monkeypatch.setattr(Watched, "made", [])
    for module in USERS:
        monkeypatch.setattr(module, "FileBlob", Watched)
    yield Watched
    for file in Watched.made:
        file.close()


def still_open():
    return [file for file in Watched.made if not file.closed]


def picture(height, width):
    noise = np.random.default_rng(3).integers(0, 256, (height, width, 3), np.uint8)
    return cv2.GaussianBlur(noise, (5, 5), 0)


JPEG = cv2.imencode(".jpg", picture(400, 300))[1].tobytes()
KINDS = ("jpeg", "png", "tiff")
STEPS = {
    "plain": (),
    "edges": (Step("canny"),),
    "otsu twice": (Step("otsu"), Step("gaussian_blur"), Step("otsu")),
    "smaller": (Step("resize", (("width", 99),)),),
    "smaller, then edges": (Step("resize", (("width", 99),)), Step("canny")),
}
OUTPUTS = {f"{name}-{kind}": (steps, kind) for name, steps in STEPS.items() for kind in KINDS}
ROOT = grow(Recipe(tuple(Output(name, steps, kind) for name, (steps, kind) in OUTPUTS.items())))
TARGETS = {name: Target(kind) for name, (_, kind) in OUTPUTS.items()}


def run(data, orientation=1, damaged=Damaged.REFUSE):
    return process_in_strips(data, Header("jpeg", 300, 400, orientation=orientation), ROOT, TARGETS, damaged=damaged)


@pytest.mark.parametrize("orientation", [1, 2, 3, 6])
def test_nothing_but_the_outputs_is_left_of_an_image_in_strips(orientation):
    streamed = run(JPEG, orientation)
    assert len(Watched.made) > len(OUTPUTS)
    assert {id(file) for file in still_open()} == {id(file) for file in streamed.files.values()}
    assert set(streamed.files) == set(OUTPUTS)


@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_nothing_is_left_of_a_damaged_image(orientation):
    with pytest.raises(ImageError, match="damaged"):
        run(JPEG[: len(JPEG) // 2], orientation)
    assert Watched.made
    assert not still_open()


@pytest.mark.parametrize("orientation", [1, 3, 6])
@pytest.mark.parametrize("room", [0, 5_000, 20_000, 60_000, 200_000])
def test_nothing_is_left_when_the_disk_is_full(orientation, room, monkeypatch):
    monkeypatch.setattr(Watched, "room", room)
    with pytest.raises(OSError, match="No space left"):
        run(JPEG, orientation)
    assert not still_open()


def test_a_spool_ends_before_the_next_step_begins(monkeypatch):
    """A chain of passes never has more than two images on disk besides its outputs."""
    most = 0

    class Counted(Watched):
        def __init__(self):
            nonlocal most
            super().__init__()
            most = max(most, len(still_open()))

    monkeypatch.setattr(spool_module, "FileBlob", Counted)
    chain = (Step("equalize"),) * 6
    root = grow(Recipe((Output("o", chain, "png"),)))
    process_in_strips(JPEG, Header("jpeg", 300, 400), root, {"o": Target("png")})
    assert most == 2


# --- the pipeline and the engines ----


NOISE = np.random.default_rng(1).integers(0, 256, (2048, 2048, 3), np.uint8)
LARGE = cv2.imencode(".png", NOISE)[1].tobytes()  # 12 MiB, in as many as its pixels take
GRAY_AND_COLOUR = Recipe((Output("gray", (Step("grayscale"),), "png"), Output("same", (), "png")))
LITTLE = Resources(2, Memory(STRIPS_NEED // 16))  # too little for such an image as a whole


def test_small_outputs_of_strips_are_in_memory_and_their_files_closed():
    done = attempt(b"id", GRAY_AND_COLOUR.to_bytes(), LARGE, LITTLE)
    assert not isinstance(done, Failed), done
    assert [isinstance(blob, FileBlob) for blob in done.blobs] == [False, True]
    assert len(done.blobs[0]) < INLINE_LIMIT < len(done.blobs[1])
    assert still_open() == [done.blobs[1]]
    done.close()
    assert not still_open()


def test_a_basic_client_gets_its_answer_and_no_file_is_left():
    assert answer(cv2.imencode(".png", NOISE[:700])[1].tobytes(), Resources(1, Memory(1 << 20)))
    assert Watched.made
    assert not still_open()


def test_a_local_engine_closes_its_copy_of_the_image(monkeypatch):
    monkeypatch.setattr(copies, "FileBlob", Watched)
    job = Job(b"id", DEFAULT.to_bytes(), (), len(JPEG))
    outcome = local.run_job(job, lambda offset, length: JPEG[offset : offset + length])
    assert isinstance(outcome, Result)
    assert len(Watched.made) == 1
    assert not still_open()


def test_a_local_engine_closes_a_copy_for_which_there_is_no_room(monkeypatch):
    monkeypatch.setattr(copies, "FileBlob", Watched)
    monkeypatch.setattr(Watched, "room", 100)
    job = Job(b"id", DEFAULT.to_bytes(), (), len(JPEG))
    with pytest.raises(local.FleetError, match="No space left"):
        local.run_job(job, lambda offset, length: JPEG[offset : offset + length])
    assert Watched.made
    assert not still_open()


def test_what_succeeds_stays_open():
    with closed_on_error(Watched()) as file:
        pass
    assert not file.closed
    with pytest.raises(ZeroDivisionError), closed_on_error(file):
        raise ZeroDivisionError
    assert file.closed
