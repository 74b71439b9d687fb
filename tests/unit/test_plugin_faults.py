"""Plugins that do what no filter does: each is told about in a sentence, and none ends a command or a worker."""

import re
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from filterfleet.catalogue.soundness import faults
from filterfleet.commands.plugin_init import init
from filterfleet.common.errors import FilterError, FleetError, RecipeError
from filterfleet.common.jobs.recipe import Output, Recipe, Step
from filterfleet.common.wire import Failed
from filterfleet.studio.form import described
from filterfleet.worker.attempt import attempt
from filterfleet.worker.filters import bind, check_filter
from filterfleet.worker.pixels.opencv import cv2
from filterfleet.worker.resources import default

GRAY = np.full((4, 6), 100, np.uint8)
PNG = cv2.imencode(".png", GRAY)[1].tobytes()
FILTER = '{extra}\n@register("bad", {options})\ndef bad(image{takes}):\n    "What it does."\n    {body}'


def source(options="merge=Rows()", takes="", body="return image.copy()", extra=""):
    return FILTER.format(options=options, takes=takes, body=body, extra=extra)


@pytest.mark.parametrize(
    "body",
    ["raise SystemExit(0)", "import sys; sys.exit()", "import asyncio; raise asyncio.CancelledError"],
)
def test_a_filter_that_would_end_the_program_fails_its_image(registered, body):
    bad = registered(source(body=body))
    ended = attempt(b"", Recipe((Output("one", (Step("bad"),)),)).to_bytes(), PNG, default())
    assert isinstance(ended, Failed)
    assert re.match("The filter 'bad' raises (SystemExit|CancelledError), which ends programs: ", ended.reason)
    assert len(list(faults(bad))) == 1


def test_a_filter_that_says_ctrl_c_does_not_end_a_thread(registered):
    registered(source(body="raise KeyboardInterrupt"))
    with ThreadPoolExecutor(1) as threads, pytest.raises(FilterError, match="raises KeyboardInterrupt"):
        threads.submit(bind(Step("bad")), GRAY).result()


@pytest.mark.parametrize("body", ["image.setflags(write=True); image[:] = 0", "image.base[:1] = bytes(1)"])
def test_an_image_cannot_be_made_one_that_is_written_into(registered, body):
    registered(source(body=body + "; return image"))
    image = GRAY.copy()
    with pytest.raises(FilterError, match="The filter 'bad' writes into the image that it gets"):
        bind(Step("bad"))(image)
    assert (image == 100).all()


ODD = "class Odd:\n    default = 3\n    def check(self, value): {check}\n    def describe(self): {describe}"


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ("merge=Rows(), refuses=lambda: 1 / 0", "fails in its 'refuses': ZeroDivisionError: division by zero."),
        ("merge=Rows(), refuses=lambda: 3", "The 'refuses' of filter 'bad' returns 3; it has to be the end"),
        ("merge=Rows(), doubts=lambda: [][0]", "fails in its 'doubts': IndexError"),
        ("merge=Rows(), space=lambda: 'prophoto'", "The 'space' of filter 'bad' returns 'prophoto'; it has to be srgb"),
        ("merge=Rows(), work=-5.0", "The 'work' of filter 'bad' returns -5.0"),
        ("merge=Rows(), work=float('nan')", "The 'work' of filter 'bad' returns nan"),
        ("merge=Rows(), work=lambda: 'much'", "The 'work' of filter 'bad' returns 'much'"),
        ("merge=Rows(halo=lambda: 2.5)", "The 'halo' of filter 'bad' returns 2.5"),
        ("merge=Rows(halo=3)", "fails in its 'halo': TypeError"),
        ("merge=Rows(align=lambda: 0)", "The 'align' of filter 'bad' returns 0"),
        (
            "merge=Resampled(lambda w, h: (w / 2, h / 2), lambda: 'area'), alpha=Alpha.FILTERED",
            "(320.0, 240.0)",
        ),
        ("merge=Resampled(lambda w, h: (w, h), lambda: 'bicubic'), alpha=Alpha.FILTERED", "The 'method' of filter"),
        ("merge=Resampled(lambda w, h: (7, 7), lambda: 'area'), alpha=Alpha.FILTERED", "its merge rule says 7 x 7"),
        (
            "merge=Measured(lambda image: 'many', lambda image, total: image)",
            "What filter 'bad' is registered with fails: TypeError",
        ),
        ("merge=Rows(), bilevel=True", "with bilevel=True, but returns more than 0 and 255"),
        ("merge=Chain(lambda: (Step('nope'),))", "names steps that cannot be: There is no filter 'nope'"),
        ("merge=Chain(lambda: (Step('bad'),))", "fails in its 'steps': RecursionError"),
    ],
)
def test_functions_that_a_filter_is_registered_with_are_tried(registered, options, fault):
    extra = "from filterfleet.common.jobs.recipe import Step"
    found = list(faults(registered(source(options, extra=extra))))
    assert len(found) == 1, found
    assert fault in found[0]
    assert "'bad'" in found[0]


@pytest.mark.parametrize(
    ("check", "describe", "fault"),
    [
        (
            "raise RuntimeError('no')",
            "return 'odd'",
            "cannot be checked: RuntimeError: no.",
        ),
        (
            "return None",
            "raise RuntimeError('no')",
            "cannot be checked: RuntimeError: no.",
        ),
        ("return None", "return 5", "is described by 5, which is no text."),
    ],
)
def test_kinds_of_parameters_that_fail_are_told(registered, check, describe, fault):
    extra = ODD.format(check=check, describe=describe)
    bad = registered(source("merge=Rows(), a=Odd()", ", a", extra=extra))
    assert list(faults(bad)) == [f"Parameter 'a' of filter 'bad' {fault}"]


@pytest.mark.parametrize("kind", ["Integer(None, 5, 1)", "Number(None, 5, 1)", "Choice(None, ())", "Points(None, 1)"])
def test_a_parameter_that_no_recipe_could_give_is_told(registered, kind):
    (fault,) = faults(registered(source(f"merge=Rows(), a={kind}", ", a")))
    assert fault.startswith("Parameter 'a' of filter 'bad' takes nothing that a recipe could give: ")


def test_a_recipe_is_told_that_a_plugin_cannot_check_it(registered):
    registered(source("merge=Rows(), a=Odd()", ", a", extra=ODD.format(check="raise KeyError(value)", describe="pass")))
    assert list(check_filter("bad", {"a": 3})) == ["The filter 'bad' fails to check its parameters: KeyError: 3."]
    with pytest.raises(RecipeError, match="fails to check its parameters"):
        bind(Step("bad", (("a", 3),)))


def test_the_studio_lives_with_a_plugin_that_fails(registered):
    registered(source("merge=Rows(), refuses=lambda: 1 / 0"))
    names = [each["name"] for each in described()]
    assert "gaussian_blur" in names
    assert "bad" not in names


def test_what_is_registered_is_a_function(registered):
    with pytest.raises(ValueError, match="the filter 'bad' is registered for int, not for a function"):
        registered('register("bad", merge=Rows())(5)')


def test_a_filter_may_ask_what_is_known_of_the_file(registered):
    assert list(faults(registered(source("merge=Rows(), informed=True", ", about")))) == []
    with pytest.raises(ValueError, match="this name is reserved, because the function gets what is known of the file"):
        registered(source("merge=Rows(), informed=True, about=Boolean(True)", ", about").replace('"bad"', '"worse"'))


@pytest.mark.parametrize(
    "name", ["np", "register", "film_", "_film", "class", "Film", "my film", "", "x" * 41, "canny"]
)
def test_names_with_which_a_package_would_not_work_are_refused(name, tmp_path):
    with pytest.raises(FleetError, match=r"cannot be the name of a filter|There is a filter 'canny' already"):
        init(name, tmp_path / "package")
    assert not (tmp_path / "package").exists()
