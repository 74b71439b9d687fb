"""Recipes in the studio: what the page opens, what it asks for, and what it saves."""

from __future__ import annotations

import base64
import contextlib
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filterfleet.common.errors import RecipeError
from filterfleet.common.jobs.output_options import Options, When
from filterfleet.common.jobs.recipe import Damaged, Metadata, Output, Recipe, Step
from filterfleet.common.jobs.recipe_file import parse_recipe
from filterfleet.common.jobs.shipped import find_recipe, shipped, shipped_text
from filterfleet.studio.asked import Asked
from filterfleet.studio.opened import opened
from filterfleet.studio.toml import toml_of
from filterfleet.worker.pixels.opencv import cv2

SPECKS = np.random.default_rng(1).integers(0, 256, (120, 100, 3), np.uint8)
NOISE = np.random.default_rng(1).integers(0, 256, (40, 60, 3), np.uint8)
LOGO, OTHER = (cv2.imencode(".png", pixels)[1].tobytes() for pixels in (NOISE, 255 - NOISE))

numbers = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
values = numbers | st.booleans() | st.text() | st.lists(numbers, min_size=1, max_size=3).map(tuple)
steps = st.builds(
    lambda name, given: Step(name, tuple(sorted(given.items()))),
    st.from_regex("[a-z_]{1,9}", fullmatch=True),
    st.dictionaries(st.from_regex("[a-eg-zä_]{1,9}", fullmatch=True), values, max_size=3),
)
options = st.sampled_from(
    [
        Options(),
        Options(lossless=True, pages="first", name="{stem}-{width}.{ext}"),
        Options(progressive=True, max_bytes=200_000, dpi=300, chroma="4:4:4"),
        Options(when=When(min_width=10, max_height=2000, format=("jpeg", "tiff"))),
    ]
)
outputs = st.builds(
    Output,
    st.from_regex("[A-Za-z0-9][A-Za-z0-9_-]{0,9}", fullmatch=True),
    st.lists(steps, max_size=3).map(tuple),
    st.just("same"),
    st.integers(1, 100),
    st.none() | st.integers(0, 9),
    options,
)
recipes = st.builds(
    Recipe,
    st.lists(outputs, min_size=1, max_size=3, unique_by=lambda output: output.name).map(tuple),
    st.sampled_from(Metadata),
    st.sampled_from(Damaged),
    st.booleans(),
)


@settings(max_examples=25, deadline=None)
@given(recipes)
def test_the_text_of_a_recipe_is_read_as_the_same_recipe(recipe):
    assert parse_recipe(toml_of(recipe, {}).encode(), Path()) == recipe


def in_a_browser(value):
    """JSON as a browser gives it back: each of its numbers is a float, and one without a fraction is written as an
    integer."""
    return json.loads(
        json.dumps(value), parse_float=_number, parse_int=_number, parse_constant=lambda name: pytest.fail(name)
    )


def _number(text):
    found = float(text)
    return int(found) if found.is_integer() else found


@pytest.mark.parametrize("name", shipped())
def test_a_recipe_that_ships_is_the_same_after_it_was_opened_and_saved(name):
    found = in_a_browser(opened(shipped_text(name).encode(), {}))
    asked = Asked(found["recipe"])
    saved = parse_recipe(toml_of(asked.recipe, asked.pictures.names).encode(), Path())
    assert saved.digest == parse_recipe(found["toml"].encode(), Path()).digest == find_recipe(name).digest


def test_numbers_that_a_browser_would_write_otherwise_come_back_as_they_were(tmp_path):
    text = b"""
    [outputs.a]
    steps = [
        { filter = "gaussian_blur", size = 5, sigma = 2.0 },
        { filter = "gaussian_blur", size = 5, sigma = 2 },
        { filter = "convolve", kernel = [[0.0, 1], [-0.0, 1e20], [0.1, 9007199254740993]] },
    ]
    """.replace(b"[[0.0, 1], [-0.0, 1e20], [0.1, 9007199254740993]]", b"[[0.0, 1, -0.0], [2, 0.25, -3.0], [1, 1, 1]]")
    asked = Asked(in_a_browser(opened(text, {})["recipe"]))
    assert repr(asked.recipe) == repr(parse_recipe(text, tmp_path))


def test_pictures_come_with_the_recipe_and_never_from_the_machine_of_the_server(tmp_path):
    text = """
    [outputs.a]
    steps = [{ filter = "watermark_image", picture = { file = "logos/Größe.png" } }]
    [outputs.b]
    steps = [{ filter = "watermark_image", picture = { file = "%s" } }]
    """
    (tmp_path / "secret.png").write_bytes(OTHER)
    there = (text % (tmp_path / "secret.png")).encode()
    with pytest.raises(RecipeError) as refused:
        opened(there, {"Größe.png": LOGO})
    (problem,) = refused.value.problems
    assert problem.startswith("Output 'b', step 1: Parameter 'picture' of filter 'watermark_image': ")
    assert problem.endswith("The picture secret.png is not here: choose or drop it together with the recipe.")
    found = opened(there, {"Größe.png": LOGO, "secret.png": OTHER, "photo.jpg": b""})
    assert found["used"] == ["Größe.png", "secret.png"]
    assert found["toml"].startswith(
        "# The picture logos/Größe.png has to lie in the folder of this recipe.\n"
        "# The picture secret.png has to lie in the folder of this recipe.\n"
    )
    asked = Asked(in_a_browser(found["recipe"]))
    for name, data in (("logos/Größe.png", LOGO), ("secret.png", OTHER)):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data)
    assert parse_recipe(toml_of(asked.recipe, asked.pictures.names).encode(), tmp_path) == asked.recipe


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        (b"[outputs", ["It is not TOML: Expected ']' at the end of a table declaration (at end of document)."]),
        (b"\xff\xfea\0", ["It is not UTF-8, as TOML has to be (line 1): save it with that encoding."]),
        (bytes(300_000), ["It is too large for a recipe: it is over 256 KiB."]),
        (
            b'[outputs.a]\nsteps = ["blurr"]\nquality = 0\n[outputs.b]\nsteps = 3',
            [
                "Output 'a', step 1: There is no filter 'blurr'",
                "Output 'a': Its quality is 0; it has to be an integer from 1 to 100.",
                "Output 'b': Its steps are 3; they have to be a list of filters.",
            ],
        ),
    ],
)
def test_what_is_wrong_with_a_recipe_is_said_as_recipe_check_says_it(text, problems):
    with pytest.raises(RecipeError) as refused:
        opened(text, {})
    assert len(refused.value.problems) == len(problems)
    for said, problem in zip(refused.value.problems, problems, strict=True):
        assert said.startswith(problem)


def watermarks(*pictures):
    steps = [{"filter": "watermark_image", "values": {"picture": picture}} for picture in pictures]
    return Asked({"outputs": [{"name": "result", "steps": steps}]})


def sent(data, name="logo.png"):
    return {"file": name, "data": base64.b64encode(data).decode()}


def test_a_picture_of_a_recipe_is_a_file_beside_it(tmp_path):
    asked = watermarks(sent(LOGO))
    text = toml_of(asked.recipe, asked.pictures.names)
    assert text.startswith("# The picture logo.png has to lie")
    (tmp_path / "logo.png").write_bytes(LOGO)
    assert parse_recipe(text.encode(), tmp_path) == asked.recipe


def test_two_pictures_of_one_name_are_two_files():
    asked = watermarks(sent(LOGO), sent(OTHER, "LOGO.png"), sent(LOGO))
    assert list(asked.pictures.names.values()) == ["logo.png", "2-LOGO.png"]
    assert toml_of(asked.recipe, asked.pictures.names).count('{ file = "logo.png" }') == 2


def test_what_no_recipe_has_room_for_is_not_tried_either():
    picture = cv2.imencode(".png", np.random.default_rng(1).integers(0, 256, (200, 200, 3), np.uint8))[1].tobytes()
    with pytest.raises(RecipeError, match="is over 64 KiB, which is all a recipe may take"):
        watermarks(sent(picture))
    pictures = [cv2.imencode(".png", each)[1].tobytes() for each in (SPECKS, 255 - SPECKS)]
    with pytest.raises(RecipeError, match="but a recipe may take 65536: use smaller files"):
        watermarks(*map(sent, pictures))


@pytest.mark.parametrize(
    ("name", "kept"),
    [("../x.png", "x.png"), ("/etc/passwd", "passwd"), ("a\nb", "picture"), ("", "picture"), ('"', "picture")],
)
def test_the_name_of_a_picture_leads_to_no_other_folder_and_is_one_line(name, kept):
    assert list(watermarks(sent(LOGO, name)).pictures.names.values()) == [kept]


texts = st.text(st.characters(codec="utf-8"), max_size=9)
plain = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | texts
anything = st.recursive(
    plain, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=6
)
some_steps = st.fixed_dictionaries(
    {
        "filter": st.sampled_from(["gaussian_blur", "gamma", "watermark_image", "curves"]) | texts,
        "values": st.dictionaries(
            st.sampled_from(["size", "gamma", "picture", "points"]),
            anything | st.fixed_dictionaries({"number": texts | st.sampled_from(["2.0", "nan", "1e999", "0x1"])}),
        ),
    }
)
some_outputs = st.fixed_dictionaries(
    {"name": st.just("a") | texts, "steps": st.lists(some_steps | anything, max_size=3)},
    optional={"encoding": st.just("jpeg") | anything, "options": st.just("effort = 3") | anything},
)


@settings(max_examples=100, deadline=None)
@given(st.fixed_dictionaries({"outputs": st.lists(some_outputs | anything, max_size=2)}, optional={"shown": anything}))
def test_whatever_is_asked_is_a_recipe_or_refused_in_words(raw):
    with contextlib.suppress(RecipeError):
        asked = Asked(raw)
        assert parse_recipe(toml_of(asked.recipe, {}).encode(), Path()) == asked.recipe


def output(*steps, **rest):
    return {"outputs": [{"name": "a", "steps": list(steps), **rest}]}


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ({}, "A recipe is a list of outputs"),
        ({"outputs": []}, "It needs 1 to 64 outputs"),
        ({"outputs": [{"name": "a"}]}, "An output is a name with a list of steps"),
        ({"outputs": [{"name": "a", "steps": []}] * 2}, "'a': Another output has this name as well"),
        ({"outputs": [{"name": "a b", "steps": []}]}, "Output 'a b': Its name has to be 1 to 64 letters"),
        ({**output(), "shown": 1}, "no output of this number"),
        ({**output(), "damaged": "maybe"}, "Its damaged cannot be 'maybe'"),
        (output(*[{"filter": "invert", "values": {}}] * 65), "'a': It has 65 steps; it may have 64"),
        (output("blur"), "Output 'a', step 1 is no filter"),
        (output({"filter": "gaussian_blurr", "values": {}}), "There is no filter 'gaussian_blurr'"),
        (output({"filter": "gaussian_blur", "values": {"size": 4}}), "takes an odd integer from 1 to 255"),
        (output({"filter": "gaussian_blur", "values": {"size": None}}), "step 1, size: choose a value"),
        (output({"filter": "gaussian_blur", "values": {"size": 1 << 70}}), "at most 64 bits"),
        (output({"filter": "gaussian_blur", "values": {"size": {"number": "1e999"}}}), "a finite number"),
        (output({"filter": "gaussian_blur", "values": {"size": {"number": "five"}}}), "'five' is no number"),
        (output({"filter": "invert", "values": {"x": {"file": "a", "data": "~"}}}), "no base64"),
        (output(encoding="exe"), "Its encoding cannot be 'exe'"),
        (output(encoding=3), "Its encoding cannot be 3"),
        (output(quality=0), "quality"),
        (output(options="effort"), "'a', more options: It is not TOML"),
        (output(options="effort = 12"), "'a': Its effort is 12"),
        (output(options="quality = 12"), "'a': More options cannot say quality, which has a place of its own"),
        (output(options="[outputs.b]\nsteps = []"), "'a': There is no setting 'outputs'"),
        (output(options=3), "Its options are a text"),
    ],
)
def test_what_is_wrong_with_what_was_asked_is_said(raw, reason):
    with pytest.raises(RecipeError, match=reason):
        Asked(raw)
