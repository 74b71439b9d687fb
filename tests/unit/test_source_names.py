"""Texts that say how a file is called: what of its name is part of a job, and what becomes of hostile names."""

from __future__ import annotations

import contextlib
import hashlib
import io
import re
import zipfile
from dataclasses import replace

import msgpack
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from filterfleet.common.blob import whole
from filterfleet.common.errors import RecipeError
from filterfleet.common.jobs.job import job_id
from filterfleet.common.jobs.output_options import Options
from filterfleet.common.jobs.recipe import ABILITIES, DEFAULT, Output, Recipe, Step
from filterfleet.common.jobs.sourced import LONGEST
from filterfleet.common.wire import OutputFile, Result
from filterfleet.listener.core.actions import Copy, Submit
from filterfleet.listener.core.events import Ended, Loaded, Ordered, Written
from filterfleet.listener.core.order import Redo
from filterfleet.worker.pipeline import process
from filterfleet.worker.pixels.opencv import cv2
from tests.unit.listener_rig import DIGEST, V1, Rig, of

PNG = cv2.imencode(".png", np.zeros((40, 300, 3), np.uint8))[1].tobytes()


def saying(text: str, **more: object) -> Recipe:
    return Recipe((Output("marked", (Step("watermark_text", tuple(sorted({"text": text, **more}.items()))),), "png"),))


def pixels(recipe: Recipe) -> bytes:
    return bytes(process(PNG, Recipe.from_bytes(recipe.to_bytes())).blobs[0])


@given(st.text(min_size=1), st.text(min_size=1))
def test_a_name_is_part_of_a_job_only_where_it_is_mentioned(one, other):
    plain, dated = saying("Ada {{name}}"), saying("{date:%Y}")
    assert plain.of(one) is plain
    assert dated.of(one) is dated
    assert DEFAULT.of(other) is DEFAULT
    named = saying("{name}")
    assert named.of(one).source != ()
    assert Recipe.from_bytes(named.of(one).to_bytes()) == named.of(one)
    same = named.of(one).source == named.of(other).source
    assert (job_id(DIGEST, named.of(one)) == job_id(DIGEST, named.of(other))) == same


def test_recipes_without_a_name_have_the_digests_that_they_had():
    assert DEFAULT.digest.hex() == "76d195bbadc8e1ad"
    assert saying("Ada").needs == {"watermark_text"}


def test_only_workers_that_know_names_get_such_jobs():
    assert saying("{stem}").needs == {"watermark_text", "output.source_name"}
    assert "output.source_name" in ABILITIES


def test_nothing_travels_but_what_is_mentioned():
    assert dict(saying("{stem}").of("secret/a.b.jpg").source) == {"stem": "a.b"}
    assert dict(saying("{folder} {name}").of("x/y/a.jpg").source) == {"folder": "x/y", "name": "a.jpg"}
    assert saying("{stem}").of("one/a.jpg") == saying("{stem}").of("two/a.png")


@pytest.mark.parametrize(
    "name", ["a\nb", "\x1b[2J\udcff", "\u202egpj.exe", "م" * 120, "{date}", "x" * 255, "😀?", "\u0301"]
)
def test_no_name_fails_its_image(name):
    recipe = saying("{name}").of(name)
    assert len(recipe.source[0][1]) <= LONGEST
    assert pixels(recipe) != pixels(saying("{name}").of(""))


def test_what_is_written_is_the_name():
    assert pixels(saying("{stem}!").of("trip/IMG 1.jpg")) == pixels(saying("IMG 1!"))
    assert pixels(saying("a{folder}", missing="refuse").of("a.jpg")) == pixels(saying("a"))
    assert pixels(saying("{name}").of("a\u0915.jpg")) == pixels(saying("a?.jpg"))
    assert pixels(saying("{name}").of("{stem}%Y.jpg")) == pixels(saying("{{stem}}%Y.jpg"))
    assert pixels(saying("{name}").of("{{.jpg")) == pixels(saying("{{{{.jpg")) != pixels(saying("{{.jpg"))


def test_names_that_look_the_same_are_written_alike():
    """macOS has an accent behind its letter, and the filter would write it beside it."""
    assert saying("{name}").of("e\u0301.jpg") == saying("{name}").of("\u00e9.jpg")
    assert pixels(saying("{name}").of("e\u0301.jpg")) == pixels(saying("\u00e9.jpg"))


def test_every_page_says_the_name():
    images = [Image.fromarray(np.full((40, 300, 3), level, np.uint8)) for level in (0, 90)]
    images[0].save(file := io.BytesIO(), "TIFF", save_all=True, append_images=images[1:])

    def pages(recipe: Recipe) -> bytes:
        output = replace(recipe.outputs[0], options=Options(pages="all"))
        return bytes(whole(process(file.getvalue(), replace(recipe, outputs=(output,))).blobs[0]))

    assert pages(saying("{stem}").of("a.tiff")) == pages(saying("a"))
    assert pages(saying("{stem}").of("a.tiff")) != pages(saying("{stem}").of("b.tiff"))


def test_tiles_have_an_address_of_their_own_where_copies_differ():
    """IIIF: copies of a picture share its address, so what differs would lie in one place."""
    digest = hashlib.sha256(PNG).hexdigest()
    steps = saying("{stem}").outputs[0].steps
    options = Options(id="https://example.org/iiif")
    recipe = Recipe((Output("plain", (), "iiif", options=options), Output("said", steps, "iiif", options=options)))

    def folders(path: str) -> list[str]:
        with contextlib.closing(process(PNG, recipe.of(path))) as done:
            return [zipfile.ZipFile(io.BytesIO(whole(blob))).namelist()[0].partition("/")[0] for blob in done.blobs]

    (plain, one), (same, other), (_, again) = folders("a.png"), folders("b.png"), folders("trip/a.png")
    assert plain == same == digest
    assert one == again != other
    assert re.fullmatch(f"{digest}-[0-9a-f]{{16}}", one)


def test_a_listener_may_know_letters_that_its_worker_does_not():
    """Each has the Unicode of its own Python. No version knows U+0378, as this one knows none of the next version."""
    recipe = saying("{name}").of("a.jpg")
    newer = msgpack.packb([*msgpack.unpackb(recipe.to_bytes())[:3], {"source": {"name": "a\u0378.jpg"}}])
    assert pixels(Recipe.from_bytes(newer)) == pixels(saying("a?.jpg"))


@pytest.mark.parametrize(
    "said",
    [{}, {"path": "a"}, {"name": 1}, {"name": "a\n"}, {"name": "\u2028"}, {"name": "x" * (LONGEST + 1)}, "a"],
)
def test_what_no_listener_says_is_refused(said):
    data = msgpack.packb([*msgpack.unpackb(saying("{name}").to_bytes()), {"source": said}])
    with pytest.raises(RecipeError):
        Recipe.from_bytes(data)


@pytest.mark.parametrize(("text", "jobs"), [("{name}", 2), ("Ada", 1)])
def test_copies_of_an_image_share_a_job_unless_their_names_are_mentioned(text, jobs):
    rig = Rig(recipe=saying(text))
    rig.lists(a=V1, b=V1)
    submitted = of(Submit, [*rig.on(Loaded("a", DIGEST, b"image")), *rig.on(Loaded("b", DIGEST, b"image"))])
    assert [each.path for each in submitted] == (["a", "b"] if jobs == 2 else [""])
    assert len({each.job for each in submitted}) == jobs


def test_what_is_made_again_is_the_same_job_under_the_same_name():
    rig = Rig(recipe=saying("{name}"))
    rig.lists(a=V1, b=V1)
    first = made(rig, "a")
    rig.on(Ordered("id", Redo(("a",))))
    assert made(rig, "a") == first


@pytest.mark.parametrize(("path", "copied"), [("trip/a", True), ("trip/b", False)])
def test_the_outputs_of_another_object_are_taken_only_if_they_say_the_same(path, copied):
    rig = Rig(recipe=saying("{stem}"))
    rig.lists(**{"a": V1, path: V1})
    made(rig, "a")
    actions = rig.on(Loaded(path, DIGEST, b"image"))
    assert [each.original for each in of(Copy, actions)] == ["a"] * copied
    assert [each.path for each in of(Submit, actions)] == [path] * (not copied)


def made(rig: Rig, path: str) -> Submit:
    (submitted,) = of(Submit, rig.on(Loaded(path, DIGEST, b"image")))
    outputs = (OutputFile("marked", "png", 3),)
    rig.on(Ended(submitted.job, Result(submitted.job, outputs, {}, (b"png",))))
    rig.on(Written(path, 0.0))
    assert rig.state(path) == "done"
    return submitted


def test_a_recipe_leaves_room_for_the_longest_name():
    """A letter takes four bytes at most."""
    recipe = Recipe((Output("o", (Step("watermark_text", (("text", "{name} {stem} {folder}"),)),)),))
    name = "\U0001f40b" * 300
    assert len(recipe.to_bytes()) < len(recipe.of(f"{name}/{name}.jpg").to_bytes()) <= recipe.size
