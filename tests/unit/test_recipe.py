import math

import msgpack
import pytest

from filterfleet.common.errors import ProtocolError, RecipeError
from filterfleet.common.jobs.job import check_outputs, job_id
from filterfleet.common.jobs.names import is_image_name, output_path
from filterfleet.common.jobs.recipe import DEFAULT, MAX_OUTPUTS, MAX_STEPS, Output, Recipe, Step
from filterfleet.common.jobs.shipped import find_recipe
from filterfleet.common.wire import OutputFile


def test_the_default_recipe_keeps_its_digest():
    """It is part of every job id and of every ledger: a change makes users process everything again."""
    assert DEFAULT.digest.hex() == "76d195bbadc8e1ad"
    assert DEFAULT.filters == {"grayscale", "gaussian_blur", "canny"}


def test_recipes_that_ship_keep_the_digests_that_they_had_before_outputs_had_options():
    digests = {"web": "9b73e971c413bd96", "archive": "d9b2d28edc6ef181", "proof": "a66de8bbceb11a3e"}
    assert {name: find_recipe(name).digest.hex() for name in digests} == digests


@pytest.mark.parametrize(
    "raw",
    [
        [],
        {},
        [["a", [], "same", 90]] * 2,
        [[f"n{n}", [], "same", 90] for n in range(MAX_OUTPUTS + 1)],
        [["a", [["x", {}]] * (MAX_STEPS + 1), "same", 90]],
        [["../a", [], "same", 90]],
        [["a/b", [], "same", 90]],
        [[".filterfleet", [], "same", 90]],
        [["", [], "same", 90]],
        [["a\n", [], "same", 90]],
        [["a", [], "exe", 90]],
        [["a", [], "same", 0]],
        [["a", [], "same", 101]],
        [["a", [], "same", True]],
        [["a", [], "same", 90, 1]],
        [["a", [["x", {b"k": 1}]], "same", 90]],
        [["a", [["x", {"k": None}]], "same", 90]],
        [["a", [["x", {"k": [1]}]], "same", 90]],
        [["a", [["x"]], "same", 90]],
        [["a", "x", "same", 90]],
    ],
)
def test_what_is_no_recipe_is_refused_with_a_sentence(raw):
    with pytest.raises(RecipeError, match=r"\.$"):
        Recipe.from_bytes(msgpack.packb(raw))


def one_step(step):
    return msgpack.packb([[["a", [step], "same", 90, None]], "strip-gps", "refuse"])


def nested(levels, core=1):
    for _ in range(levels):
        core = [core]
    return core


def test_a_number_a_list_and_a_matrix_are_parameters():
    for value, kept in ((1, 1), ([1, 2.5], (1, 2.5)), ([[1], [2]], ((1,), (2,)))):
        (output,) = Recipe.from_bytes(one_step(["convolve", {"kernel": value}])).outputs
        assert output.steps == (Step("convolve", (("kernel", kept),)),)


@pytest.mark.parametrize(
    "step",
    [
        *(["convolve", {"kernel": nested(levels)}] for levels in (3, 100, 500)),
        ["convolve", {"kernel": {"a": 1}}],
        ["gamma", {"gamma": math.nan}],
        ["gamma", {"gamma": math.inf}],
        ["convolve", {"kernel": [[1.0, -math.inf]]}],
        ["x" * 65, {}],
        ["gamma", {"x" * 65: 1}],
        ["gamma", {f"p{number}": number for number in range(65)}],
        ["gamma", {1: 1}],
        nested(400),
    ],
)
def test_a_step_that_is_deep_or_endless_is_refused_where_it_is_parsed(step):
    with pytest.raises(RecipeError, match=r"\.$") as raised:
        Recipe.from_bytes(one_step(step))
    assert len(str(raised.value)) < 200


@pytest.mark.parametrize("levels", [520, 1100, 60_000])
def test_nested_lists_are_no_recipe(levels):
    """msgpack itself stops at about a thousand levels, as deep as Python may call itself."""
    for bomb in (b"\x91" * levels, one_step(["convolve", {"kernel": 1}])[:-18] + b"\x91" * levels):
        with pytest.raises(RecipeError, match=r"\.$"):
            Recipe.from_bytes(bomb)


def test_outputs_lie_where_the_design_says():
    assert output_path("grayscale", "trip/a.jpg", "jpeg") == "grayscale/trip/a.jpg"
    assert output_path("edges", "trip/a.jpg", "png") == "edges/trip/a.jpg.png"
    assert output_path("edges", "a.png", "png") == "edges/a.png"
    assert output_path("edges", "a.jpg.png", "png") == "edges/a.jpg.png.png"
    assert output_path("blur", "a.JPEG", "jpeg") == "blur/a.JPEG"
    assert output_path("blur", "a.gif", "png") == "blur/a.gif.png"


def test_images_are_known_by_their_extension():
    assert all(map(is_image_name, ("a.jpg", "b/c.JPEG", "d.tar.tiff", "e.WebP")))
    assert not any(map(is_image_name, ("a", "jpg", ".jpg", "a.jpg.part", "a.txt", "a.jpg/b")))


def test_a_job_is_named_by_content_and_recipe():
    other = Recipe((Output("blur", (Step("gaussian_blur"),)),))
    assert job_id(b"content", DEFAULT) == job_id(b"content", Recipe.from_bytes(DEFAULT.to_bytes()))
    assert len({job_id(b"content", DEFAULT), job_id(b"content", other), job_id(b"else", DEFAULT)}) == 3


GOOD = (OutputFile("grayscale", "jpeg", 1), OutputFile("blur", "jpeg", 1), OutputFile("edges", "png", 1))


@pytest.mark.parametrize(
    "outputs",
    [
        (),
        GOOD[:2],
        GOOD[::-1],
        (*GOOD[:2], OutputFile("../edges", "png", 1)),
        (*GOOD[:2], OutputFile("edges", "exe", 1)),
    ],
)
def test_outputs_that_nobody_asked_for_are_refused(outputs):
    check_outputs(DEFAULT.names, GOOD)
    with pytest.raises(ProtocolError):
        check_outputs(DEFAULT.names, outputs)
