"""The parts of the studio: what is asked, what is made of it, and what it is as text."""

from __future__ import annotations

import base64
import contextlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filterfleet.commands.recipe_try import try_
from filterfleet.common.errors import FleetError, RecipeError
from filterfleet.common.jobs.recipe import DEFAULT, Output, Recipe, Step
from filterfleet.common.jobs.recipe_file import parse_recipe
from filterfleet.studio import frames
from filterfleet.studio.bench import SIDE, Bench
from filterfleet.studio.form import Asked, described
from filterfleet.studio.terminal import picture_in
from filterfleet.studio.toml import toml_of
from filterfleet.studio.trial import rows, tried
from filterfleet.worker.filters import bind, names
from filterfleet.worker.pipeline import process
from filterfleet.worker.pixels.opencv import cv2
from filterfleet.worker.resources import default

BLUR = {"filter": "gaussian_blur", "values": {"size": 9}}
NOISE = np.random.default_rng(1).integers(0, 256, (40, 60, 3), np.uint8)
PHOTO = cv2.imencode(".png", NOISE)[1].tobytes()
LARGE = cv2.imencode(".jpg", cv2.resize(NOISE, (1300, 400)))[1].tobytes()

numbers = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
values = numbers | st.booleans() | st.text() | st.lists(numbers, min_size=1, max_size=3).map(tuple)
steps = st.builds(
    lambda name, given: Step(name, tuple(sorted(given.items()))),
    st.from_regex("[a-z_]{1,9}", fullmatch=True),
    st.dictionaries(st.from_regex("[a-eg-z_]{1,9}", fullmatch=True), values, max_size=3),
)
outputs = st.builds(
    Output,
    st.just("result"),
    st.lists(steps, max_size=3).map(tuple),
    st.sampled_from(["same", "png"]),
    st.integers(1, 100),
)


@settings(max_examples=25, deadline=None)
@given(outputs)
def test_the_text_of_an_output_is_read_as_the_same_recipe(output):
    assert parse_recipe(toml_of(output, {}).encode(), Path()) == Recipe((output,))


def test_a_picture_of_a_recipe_is_a_file_beside_it(tmp_path):
    picture = {"file": "logo.png", "data": base64.b64encode(PHOTO).decode()}
    asked = Asked({"steps": [{"filter": "watermark_image", "values": {"picture": picture}}]})
    text = toml_of(asked.output, asked.files)
    assert text.startswith("# The picture logo.png has to lie")
    (tmp_path / "logo.png").write_bytes(PHOTO)
    assert parse_recipe(text.encode(), tmp_path) == asked.recipe


def test_two_pictures_of_one_name_are_two_files():
    other = cv2.imencode(".png", 255 - NOISE)[1].tobytes()
    texts = [base64.b64encode(data).decode() for data in (PHOTO, other, PHOTO)]
    logos = [{"file": "Größe.png", "data": text} for text in texts]
    asked = Asked({"steps": [{"filter": "watermark_image", "values": {"picture": logo}} for logo in logos]})
    assert list(asked.files.values()) == ["picture", "2-picture"]
    assert toml_of(asked.output, asked.files).count('{ file = "picture" }') == 2


def test_what_no_recipe_has_room_for_is_not_tried_either():
    picture = cv2.imencode(".png", np.random.default_rng(1).integers(0, 256, (200, 200, 3), np.uint8))[1].tobytes()
    value = {"file": "logo.png", "data": base64.b64encode(picture).decode()}
    with pytest.raises(RecipeError, match="but a recipe may take 65536: use smaller pictures"):
        Asked({"steps": [{"filter": "watermark_image", "values": {"picture": value}}]})


@pytest.mark.parametrize("name", ["../x.png", "/etc/passwd", "a\nb", "", '"'])
def test_the_name_of_a_picture_is_that_of_a_file_beside_the_recipe(name):
    value = {"file": name, "data": base64.b64encode(PHOTO).decode()}
    asked = Asked({"steps": [{"filter": "watermark_image", "values": {"picture": value}}]})
    assert list(asked.files.values()) == ["picture"]


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ({}, "A recipe has 0 to 64 steps"),
        ({"steps": [{}] * 65}, "A recipe has 0 to 64 steps"),
        ({"steps": ["blur"]}, "Step 1 is no filter"),
        ({"steps": [{"filter": "gaussian_blurr", "values": {}}]}, "There is no filter 'gaussian_blurr'"),
        ({"steps": [{"filter": "gaussian_blur", "values": {"size": 4}}]}, "takes an odd integer from 1 to 255"),
        ({"steps": [{"filter": "gaussian_blur", "values": {"size": None}}]}, "Step 1, size: choose a value"),
        ({"steps": [{"filter": "gaussian_blur", "values": {"size": 1 << 70}}]}, "more than 64 bits"),
        ({"steps": [{"filter": "\ud800", "values": {}}]}, "a name is no text"),
        ({"steps": [{"filter": "invert", "values": {"x": {"file": "a", "data": "~"}}}]}, "no base64"),
        ({"steps": [], "encoding": "exe"}, "unknown encoding 'exe'"),
        ({"steps": [], "encoding": 3}, "lacks a valid name"),
        ({"steps": [], "quality": 0}, "quality"),
    ],
)
def test_what_is_wrong_with_what_was_asked_is_said(raw, reason):
    with pytest.raises(RecipeError, match=reason):
        Asked(raw)


def test_every_filter_that_ships_is_shown_with_values_to_begin_with():
    shown = {each["name"]: each["parameters"] for each in described()}
    assert set(shown) == set(names())
    for name, parameters in shown.items():
        assert all(each["kind"] for each in parameters)
        first = {each["name"]: _given(each) for each in parameters}
        bind(Step(name, tuple(sorted(first.items()))))


def _given(parameter):
    initial = parameter["initial"]
    if parameter["kind"] == "picture":
        return PHOTO
    return tuple(map(tuple, initial)) if isinstance(initial, list) else initial


def test_a_small_photograph_is_tried_as_run_does_it():
    asked = Asked({"steps": [BLUR], "encoding": "webp", "quality": 70})
    made = Bench(default(), PHOTO).tried(asked, full=False)
    with contextlib.closing(process(PHOTO, asked.recipe)) as done:
        assert made["picture"] == done.blobs[0]
    assert (made["type"], made["width"], made["height"]) == ("image/webp", 60, 40)
    assert parse_recipe(made["toml"].encode(), Path()) == asked.recipe


def test_a_large_photograph_is_tried_on_a_small_copy_unless_all_of_it_is_wanted():
    bench = Bench(default(), LARGE)
    small, full = (bench.tried(Asked({"steps": [BLUR]}), full=full) for full in (False, True))
    assert (small["width"], small["format"]) == (SIDE, "jpeg")
    assert (full["width"], full["type"]) == (1300, "image/png")


def test_a_result_that_browsers_do_not_show_has_a_picture_that_they_do():
    made = Bench(default(), PHOTO).tried(Asked({"steps": [], "encoding": "tiff"}), full=False)
    assert (made["format"], made["type"]) == ("tiff", "image/png")
    assert np.array_equal(cv2.imdecode(np.frombuffer(made["picture"], np.uint8), cv2.IMREAD_COLOR), NOISE)


@pytest.mark.parametrize("photo", [b"", b"text", PHOTO[:90]])
def test_what_is_no_photograph_is_refused_in_a_sentence(photo):
    with pytest.raises(FleetError, match=r"\.$"):
        Bench(default(), photo).picture()


def test_messages_from_a_process_that_was_taken_over_are_refused():
    for body in (b"\xc1", b"\x93", b"\x01", b"\x90" * 5):
        with pytest.raises(frames.BrokenError):
            frames.unpacked(body)
    with pytest.raises(frames.BrokenError):
        frames.checked(frames.LIMIT + 1)


def test_a_trial_says_what_each_step_and_each_output_costs():
    result = tried(DEFAULT, PHOTO)
    with contextlib.closing(process(PHOTO, DEFAULT)) as done:
        assert list(result.files.values()) == list(done.blobs)
    table = list(rows(result, len(PHOTO)))
    assert [row[0] for row in table] == [
        "decode",
        "Output 'grayscale', step 1, filter 'grayscale'",
        "Output 'edges', step 2, filter 'canny'",
        "Output 'blur', step 1, filter 'gaussian_blur'",
        "Output 'grayscale': grayscale.png",
        "Output 'blur': blur.png",
        "Output 'edges': edges.png",
    ]
    assert all(row[1] for row in table)
    sheet = cv2.imdecode(np.frombuffer(result.sheet, np.uint8), cv2.IMREAD_COLOR)
    assert sheet.shape[1] >= 4 * 60


def test_a_terminal_gets_a_picture_only_if_it_is_known_to_show_it():
    kitty = picture_in(b"x" * 9000, {"TERM": "xterm-kitty"})
    assert kitty is not None
    parts = kitty.strip().split("\x1b\\")[:-1]
    assert [part.split(";")[0] for part in parts] == ["\x1b_Ga=T,f=100,m=1", "\x1b_Gm=1", "\x1b_Gm=0"]
    assert base64.b64decode("".join(part.split(";")[1] for part in parts)) == b"x" * 9000
    assert "size=1" in str(picture_in(b"x", {"TERM_PROGRAM": "iTerm.app"}))
    for other in ({}, {"TERM": "xterm-256color"}, {"TERM": "xterm-kitty", "TMUX": "1"}):
        assert picture_in(b"x", other) is None


def test_recipe_try_writes_the_results_and_says_where(tmp_path, capsys):
    photo = tmp_path / "photo.png"
    photo.write_bytes(PHOTO)
    try_("default", photo, tmp_path / "tried")
    said = capsys.readouterr().out
    assert "60 x 40 pixels, png" in said
    assert "filter 'canny'" in said
    assert str(tmp_path / "tried") in said.replace("\n", "")
    assert {file.name for file in (tmp_path / "tried").iterdir()} == {
        *("grayscale.png", "blur.png", "edges.png", "sheet.png")
    }


def test_recipe_try_never_puts_its_sheet_in_the_place_of_an_output(tmp_path, capsys):
    photo, recipe = tmp_path / "photo.png", tmp_path / "recipe.toml"
    photo.write_bytes(PHOTO)
    recipe.write_text('[outputs.Sheet]\nsteps = ["invert"]\n[outputs.huge]\nsteps = []\nwhen = { min_width = 9999 }\n')
    try_(str(recipe), photo, tmp_path / "tried")
    said = capsys.readouterr().out
    assert "this photograph does not get huge." in said
    assert {file.name for file in (tmp_path / "tried").iterdir()} == {"Sheet.png", "sheet-2.png"}
    inverted = cv2.imread(str(tmp_path / "tried" / "Sheet.png"))
    assert np.array_equal(inverted, 255 - NOISE)


def test_recipe_try_without_room_for_a_sheet_or_with_nothing_to_write(tmp_path, capsys):
    photo, recipe = tmp_path / "photo.png", tmp_path / "recipe.toml"
    photo.write_bytes(PHOTO)
    recipe.write_text("".join(f"[outputs.o{n}]\nsteps = []\n" for n in range(64)))
    try_(str(recipe), photo, tmp_path / "full")
    assert len(list((tmp_path / "full").iterdir())) == 64
    recipe.write_text("[outputs.huge]\nsteps = []\nwhen = { min_width = 9999 }\n")
    try_(str(recipe), photo, tmp_path / "none")
    assert "does not get huge." in capsys.readouterr().out
    assert not (tmp_path / "none").exists()


def test_recipe_try_says_which_of_the_two_files_comes_first(tmp_path):
    with pytest.raises(FleetError, match=r"^The recipe comes before the photograph: recipe try my.toml photo.jpg.$"):
        try_("photo.jpg", Path("my.toml"))


@pytest.mark.parametrize(
    ("name", "reason"), [("none", "No such file"), (".", "Is a directory"), ("text", "not an image")]
)
def test_recipe_try_says_what_is_wrong_with_a_photograph(tmp_path, name, reason):
    (tmp_path / "text").write_text("text")
    with pytest.raises(FleetError, match=reason):
        try_("default", tmp_path / name, tmp_path / "tried")
    assert not (tmp_path / "tried").exists()
