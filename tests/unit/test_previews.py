"""Previews: recipes that make them, the engine that hides them, and the folder that keeps the newest."""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from concurrent.futures import Future
from pathlib import Path

import msgpack
import numpy as np
import pytest
from msgspec.structs import replace

from filterfleet.common.blob import whole
from filterfleet.common.errors import FleetError
from filterfleet.common.jobs.ids import short_id
from filterfleet.common.jobs.job import Job, check_outputs, job_id
from filterfleet.common.jobs.made import as_in
from filterfleet.common.jobs.names import place_of
from filterfleet.common.jobs.output_options import Options, When
from filterfleet.common.jobs.recipe import DEFAULT, MAX_OUTPUTS, MAX_STEPS, Output, Recipe, Step
from filterfleet.common.wire import Failed, Result
from filterfleet.common.wire.codec import RECIPE_LIMIT
from filterfleet.dashboard.files import Files
from filterfleet.listener.ledger import history
from filterfleet.listener.previews.engine import BURST, Budget, Previewing
from filterfleet.listener.previews.recipe import BEFORE, MOST, sendable, with_previews
from filterfleet.listener.previews.store import LIMIT, PREVIEWS, PreviewStore, previews_of
from filterfleet.worker.engines.local import SequentialEngine
from filterfleet.worker.filters import check_recipe
from filterfleet.worker.pixels.opencv import cv2


def photograph(width: int, height: int) -> bytes:
    pixels = np.random.default_rng(width).integers(0, 256, (height // 8, width // 8, 3), np.uint8)
    return cv2.imencode(".jpg", cv2.resize(pixels, (width, height)))[1].tobytes()


def job_of(image: bytes, recipe: Recipe = DEFAULT) -> Job:
    id_ = job_id(hashlib.sha256(image).digest(), recipe)
    return Job(id_, recipe.to_bytes(), tuple(sorted(recipe.filters)), len(image), (image,), outputs=recipe.names)


@pytest.fixture
def engine():
    with contextlib.closing(SequentialEngine()) as engine:
        yield engine


# --- recipes ----


def test_the_outputs_come_first_and_previews_behind_them():
    extended = with_previews(DEFAULT)
    assert extended.recipe.outputs[: len(DEFAULT.outputs)] == DEFAULT.outputs
    assert extended.names == (BEFORE, *DEFAULT.names)
    assert len(extended.recipe.outputs) == len(DEFAULT.outputs) + len(extended.names)
    check_recipe(extended.recipe)
    assert Recipe.from_bytes(extended.recipe.to_bytes()) == extended.recipe


def test_a_recipe_without_room_has_few_previews_or_none():
    gray = (Step("grayscale"),)
    long = Recipe(tuple(Output(f"preview-{n}", gray) for n in range(MAX_OUTPUTS)))
    assert with_previews(long).names == ()
    almost = Recipe(long.outputs[:-2])
    assert with_previews(almost).names == (BEFORE, "preview-0")
    Recipe.from_bytes(with_previews(almost).recipe.to_bytes())
    assert len(with_previews(Recipe(long.outputs[:20])).names) == MOST + 1
    deep = Recipe((Output("deep", gray * MAX_STEPS), Output("flat", gray)))
    assert with_previews(deep).names == (BEFORE, "flat")


def test_a_recipe_with_a_large_picture_is_still_sent():
    """The steps of a preview have the picture of a watermark once more."""
    logo = Step("watermark_image", (("picture", bytes(RECIPE_LIMIT * 3 // 5)),))
    recipe = Recipe((Output("gray", (Step("grayscale"),)), Output("marked", (logo,)), Output("small", ())))
    assert with_previews(recipe).recipe.size > RECIPE_LIMIT
    assert sendable(recipe).names == (BEFORE, "gray")
    assert sendable(recipe).recipe.size <= RECIPE_LIMIT
    assert sendable(DEFAULT) == with_previews(DEFAULT)


# --- the engine ----


def test_who_submits_sees_the_same_result_and_the_previews_are_kept(engine):
    image = photograph(1200, 700)
    kept: dict[bytes, dict[str, bytes]] = {}
    previewing = Previewing(engine, DEFAULT, lambda job, pictures: kept.update({job: dict(pictures)}))
    job = job_of(image)
    plain, seen = engine.submit(job).result(), previewing.submit(job).result()
    previewing.finish()
    assert isinstance(plain, Result)
    assert isinstance(seen, Result)
    check_outputs(DEFAULT.names, seen.outputs)
    assert [bytes(whole(blob)) for blob in seen.payload] == [bytes(whole(blob)) for blob in plain.payload]
    assert (seen.id, seen.outputs, seen.report["sums"]) == (plain.id, plain.outputs, plain.report["sums"])
    ((id_, pictures),) = kept.items()
    assert id_ == job.id
    assert list(pictures) == [BEFORE, *DEFAULT.names]
    for picture in pictures.values():
        assert cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR).shape[:2] == (299, 512)


def test_previews_do_not_disturb_names_and_rules(engine):
    named = Output("small", (), "png", options=Options(name="{stem}-{width}.{ext}"))
    absent = Output("huge", (), "png", options=Options(when=When(min_width=1000)))
    recipe = Recipe((named, absent))
    previewing = Previewing(engine, recipe, lambda *_: None)
    seen = previewing.submit(job_of(photograph(90, 60))).result()
    previewing.finish()
    assert isinstance(seen, Result)
    made = as_in(recipe, seen)
    assert [(file.name, place_of(file, "a.jpg")) for file in made.outputs] == [("small", "small/a-90.png")]
    assert len(made.payload) == len(made.report["sums"]) == 1


def test_the_steps_of_an_output_that_an_image_does_not_get_are_not_for_its_preview_either(engine):
    crop = Step("crop", (("left", 900), ("width", 50)))
    wide = Output("face", (crop,), "png", options=Options(when=When(min_width=1000)))
    for recipe, names in ((Recipe((wide, Output("all", (), "png"))), {BEFORE, "all"}), (Recipe((wide,)), set())):
        kept: dict[str, bytes] = {}
        previewing = Previewing(engine, recipe, lambda _job, pictures, kept=kept: kept.update(pictures))
        small = previewing.submit(replace(job_of(photograph(90, 60)), recipe=recipe.to_bytes())).result()
        previewing.finish()
        assert isinstance(small, Result), small
        assert kept.keys() == names


def test_an_image_that_gets_no_output_is_not_decoded_for_a_preview(engine):
    rules = (When(min_width=1000), When(max_width=20))
    recipe = Recipe(tuple(Output(f"o{n}", (), "png", options=Options(when=when)) for n, when in enumerate(rules)))
    damaged = photograph(90, 60)[:-200]
    kept: dict[str, bytes] = {}
    previewing = Previewing(engine, recipe, lambda _job, pictures: kept.update(pictures))
    assert isinstance(previewing.submit(replace(job_of(damaged), recipe=recipe.to_bytes())).result(), Result)
    small = previewing.submit(replace(job_of(photograph(18, 12)), recipe=recipe.to_bytes())).result()
    previewing.finish()
    assert isinstance(small, Result)
    assert kept.keys() == {BEFORE, "o1"}


def test_an_image_keeps_what_its_recipe_says_of_its_name(engine):
    text = Step("watermark_text", (("text", "{stem}"),))
    recipe = Recipe((Output("marked", (text,), "png"),))
    job = replace(job_of(photograph(90, 60)), recipe=recipe.of("a.jpg").to_bytes(), outputs=recipe.names)
    previewing = Previewing(engine, recipe, lambda *_: None)
    plain, seen = engine.submit(job).result(), previewing.submit(job).result()
    previewing.finish()
    assert [bytes(whole(blob)) for blob in seen.payload] == [bytes(whole(blob)) for blob in plain.payload]


def test_a_failure_is_a_failure(engine):
    previewing = Previewing(engine, DEFAULT, lambda *_: pytest.fail("there is nothing to keep"))
    outcome = previewing.submit(job_of(b"no image")).result()
    previewing.finish()
    assert isinstance(outcome, Failed)
    assert outcome.kind == "permanent"


def test_a_full_disk_costs_previews_and_nothing_else(engine):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    previewing = Previewing(engine, DEFAULT, full)
    outcome = previewing.submit(job_of(photograph(64, 64))).result()
    previewing.finish()
    assert isinstance(outcome, Result)
    late = previewing.submit(job_of(photograph(72, 72))).result()
    assert isinstance(late, Result), "though nothing is kept any more"


def test_a_closed_engine_is_one_with_previews_too():
    class Closed(SequentialEngine):
        def submit(self, *_: object) -> Future:
            future: Future = Future()
            future.set_exception(FleetError("closed"))
            return future

    previewing = Previewing(Closed(), DEFAULT, lambda *_: None)
    with pytest.raises(FleetError, match="closed"):
        previewing.submit(job_of(b"")).result()
    previewing.close()


def test_a_busy_fleet_makes_few():
    budget = Budget(BURST, 2.0)
    assert sum(budget.take(100.0) for _ in range(BURST + 5)) == BURST
    assert [budget.take(now) for now in (101.0, 102.0, 102.1, 104.0)] == [False, True, False, True]


# --- the folder ----


def test_the_newest_are_kept_across_restarts(tmp_path: Path):
    jobs = [hashlib.sha256(bytes([n])).digest() for n in range(6)]
    with contextlib.closing(PreviewStore(tmp_path, kept=3)) as store:
        for n, job in enumerate(jobs[:4]):
            store.put(job, {BEFORE: b"\xff\xd8" + bytes([n])})
            os.utime(tmp_path / PREVIEWS / job.hex(), (n, n))
        store.put(jobs[1], {BEFORE: b"\xff\xd8again"})
    (tmp_path / PREVIEWS / ".half").write_bytes(b"written")
    with contextlib.closing(PreviewStore(tmp_path, kept=3)) as store:
        store.put(jobs[4], {BEFORE: b"\xff\xd8"})
    found = {path.name for path in (tmp_path / PREVIEWS).iterdir()}
    assert found == {job.hex() for job in (jobs[1], jobs[3], jobs[4])}
    assert previews_of(tmp_path, jobs[1].hex()) == {BEFORE: b"\xff\xd8again"}
    assert time.time() - (tmp_path / PREVIEWS / jobs[4].hex()).stat().st_mtime < 3600


def test_images_with_the_same_content_may_have_other_previews(tmp_path: Path):
    """Where a text says the name. Their short ids are the same."""
    text = Step("watermark_text", (("text", "{name}"),))
    recipe = Recipe((Output("marked", (text,)),))
    jobs = [job_id(bytes(32), recipe.of(name)) for name in ("a.jpg", "b.jpg")]
    with contextlib.closing(PreviewStore(tmp_path)) as store:
        for n, job in enumerate(jobs):
            store.put(job, {"marked": b"\xff\xd8" + bytes([n])})
    rows = [
        history.Job("in", path, short_id(job), "done", 1.0, 9, key=job.hex())
        for path, job in zip("ab", jobs, strict=True)
    ]
    assert rows[0].id == rows[1].id
    files = Files(tmp_path, None)
    shown = [(image["path"], files.preview(image["key"], "marked")[-1]) for image in files.gallery(rows, 9)]
    assert shown == [("a", 0), ("b", 1)]


def test_what_is_no_preview_is_not_shown(tmp_path: Path):
    folder = tmp_path / PREVIEWS
    assert previews_of(tmp_path, "aaaaaaaaaaaa") == {}
    folder.mkdir()
    for name, content in (
        ("aaaaaaaaaaaa", msgpack.packb({"a": b"x", "b": 1})),
        ("bbbbbbbbbbbb", msgpack.packb([1])),
        ("cccccccccccc", b"\xc1"),
        ("dddddddddddd", b"x" * (LIMIT + 2)),
    ):
        (folder / name).write_bytes(content)
    (folder / "eeeeeeeeeeee").symlink_to("aaaaaaaaaaaa")
    assert previews_of(tmp_path, "aaaaaaaaaaaa") == {"a": b"x"}
    assert previews_of(tmp_path, "bbbbbbbbbbbb") == {}
    assert previews_of(tmp_path, "dddddddddddd") == {}
    for bad in ("cccccccccccc", "eeeeeeeeeeee"):
        with pytest.raises(FleetError, match="cannot be read"):
            previews_of(tmp_path, bad)
    for name in ("", "../ledger.sqlite3", "aaa", "AAAAAAAAAAAA/..", "aaaaaaaaaaaa\n"):
        assert previews_of(tmp_path, name) == {}
