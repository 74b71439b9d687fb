"""The parts of the studio: what it shows of filters, and recipes on a photograph."""

from __future__ import annotations

import base64
import contextlib
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from filterfleet.commands.recipe_try import try_
from filterfleet.common.errors import FleetError
from filterfleet.common.jobs.recipe import DEFAULT, Step
from filterfleet.common.jobs.recipe_file import parse_recipe
from filterfleet.studio import frames
from filterfleet.studio.asked import Asked
from filterfleet.studio.bench import SIDE, Bench
from filterfleet.studio.form import described
from filterfleet.studio.terminal import picture_in
from filterfleet.studio.trial import rows, tried
from filterfleet.worker.filters import bind, names
from filterfleet.worker.pipeline import process
from filterfleet.worker.pixels.opencv import cv2
from filterfleet.worker.resources import default

BLUR = {"filter": "gaussian_blur", "values": {"size": 9}}
NOISE = np.random.default_rng(1).integers(0, 256, (40, 60, 3), np.uint8)
PHOTO = cv2.imencode(".png", NOISE)[1].tobytes()
LARGE = cv2.imencode(".jpg", cv2.resize(NOISE, (1300, 400)))[1].tobytes()


def turned(width, height):
    """A JPEG that is stored on its side, and says so."""
    file, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(cv2.resize(NOISE, (width, height))).save(file, "jpeg", exif=exif)
    return file.getvalue()


TURNED, LARGE_TURNED = turned(60, 40), turned(1300, 400)


def one(*steps, **output):
    """What is asked for a recipe of one output."""
    return Asked({"outputs": [{"name": "result", "steps": list(steps), **output}]})


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
    asked = one(BLUR, encoding="webp", quality=70)
    made = Bench(default(), PHOTO).tried(asked, full=False)
    with contextlib.closing(process(PHOTO, asked.recipe)) as done:
        assert made["picture"] == done.blobs[0]
    assert (made["type"], made["width"], made["height"]) == ("image/webp", 60, 40)
    assert parse_recipe(made["toml"].encode(), Path()) == asked.recipe


def test_a_large_photograph_is_tried_on_a_small_copy_unless_all_of_it_is_wanted():
    bench = Bench(default(), LARGE)
    small, full = (bench.tried(one(BLUR), full=full) for full in (False, True))
    assert (small["width"], small["format"]) == (SIDE, "jpeg")
    assert (full["width"], full["type"]) == (1300, "image/png")


def test_a_result_that_browsers_do_not_show_has_a_picture_that_they_do():
    made = Bench(default(), PHOTO).tried(one(encoding="tiff"), full=False)
    assert (made["format"], made["type"]) == ("tiff", "image/png")
    assert np.array_equal(cv2.imdecode(np.frombuffer(made["picture"], np.uint8), cv2.IMREAD_COLOR), NOISE)


@pytest.mark.parametrize("options", ['id = "https://example.org/i"', ""])
def test_a_pyramid_of_tiles_is_shown_as_the_picture_that_it_holds(options):
    made = Bench(default(), PHOTO).tried(one(encoding="iiif" if options else "deepzoom", options=options), full=False)
    assert (made["width"], made["height"], made["type"]) == (60, 40, "image/png")
    assert np.array_equal(cv2.imdecode(np.frombuffer(made["picture"], np.uint8), cv2.IMREAD_COLOR), NOISE)


@pytest.mark.parametrize("photo", [TURNED, LARGE_TURNED])
def test_a_picture_that_stays_as_it_is_stored_is_tried_so(photo):
    asked = Asked({"auto_orient": False, "outputs": [{"name": "result", "steps": [BLUR]}]})
    made = Bench(default(), photo).tried(asked, full=False)
    stored = cv2.imdecode(np.frombuffer(made["picture"], np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    assert stored.shape[0] < stored.shape[1]
    assert (made["width"], made["height"]) == stored.shape[1::-1]
    assert Image.open(io.BytesIO(made["picture"])).getexif()[0x0112] == 6


def test_what_is_left_out_of_a_file_is_said():
    file = io.BytesIO()
    pages = [Image.fromarray(NOISE)] * 2
    pages[0].save(file, "tiff", save_all=True, append_images=pages[1:])
    assert Bench(default(), file.getvalue()).notes == "Only page 1 of 2 was processed."
    assert Bench(default(), PHOTO).notes == ""


def test_rules_of_an_output_are_about_the_photograph_and_not_about_its_small_copy():
    """SIDE is smaller than what is asked for."""
    bench = Bench(default(), LARGE)
    for width, given in ((1300, True), (1301, False)):
        made = bench.tried(one(options=f"when = {{ min_width = {width} }}"), full=False)
        assert (made["given"], made["width"]) == (given, SIDE)


def test_a_small_copy_is_stored_as_an_output_of_that_format_is():
    """ "same" takes options that only some formats know."""
    asked = one(encoding="same", options="lossless = true\nprogressive = true")
    assert Bench(default(), LARGE).tried(asked, full=False)["format"] == "jpeg"


def test_what_can_be_decoded_in_part_is_shown_where_the_recipe_accepts_it():
    damaged = LARGE[: len(LARGE) * 2 // 3]
    bench = Bench(default(), damaged)
    with pytest.raises(FleetError, match="damaged"):
        bench.tried(one(BLUR), full=False)
    accepting = Asked({"damaged": "accept", "outputs": [{"name": "result", "steps": [BLUR]}]})
    assert bench.tried(accepting, full=False)["width"] == SIDE


@pytest.mark.parametrize("photo", [b"", b"text", PHOTO[:30]])
def test_what_is_no_photograph_is_refused_in_a_sentence(photo):
    with pytest.raises(FleetError, match=r"\.$"):
        Bench(default(), photo)


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


@pytest.mark.parametrize("recipe", ["my.toml", "web"])
def test_recipe_try_says_which_of_the_two_comes_first(recipe):
    sentence = f"^The recipe comes before the photograph: recipe try {recipe} photo.jpg.$"
    with pytest.raises(FleetError, match=sentence):
        try_("photo.jpg", Path(recipe))


@pytest.mark.parametrize(
    ("name", "reason"), [("none", "No such file"), (".", "Is a directory"), ("text", "not an image")]
)
def test_recipe_try_says_what_is_wrong_with_a_photograph(tmp_path, name, reason):
    (tmp_path / "text").write_text("text")
    with pytest.raises(FleetError, match=reason):
        try_("default", tmp_path / name, tmp_path / "tried")
    assert not (tmp_path / "tried").exists()
