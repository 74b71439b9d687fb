"""The recipes that ship: each can be run by the filters that ship, and the default is the one in the code."""

import io
import zipfile

import pytest
from PIL import Image

import filterfleet
from filterfleet.common.errors import RecipeError
from filterfleet.common.jobs.output_options import DEEPZOOM
from filterfleet.common.jobs.recipe import DEFAULT, Metadata
from filterfleet.common.jobs.shipped import STANDARD, find_recipe, shipped, shipped_text
from filterfleet.worker.filters import check_recipe
from filterfleet.worker.formats import sniff
from tests.unit.test_pipeline import file_of, picture


def test_what_ships():
    others = "archive astro-stretch contact-proof dataset-224 deepzoom proof scan-cleanup sketch web web-responsive"
    assert shipped() == ("default", *others.split())
    assert find_recipe("archive").metadata is Metadata.KEEP
    assert find_recipe("web").metadata is Metadata.STRIP


def test_the_default_is_the_one_in_the_code():
    """Its digest is pinned in test_recipe.py."""
    assert find_recipe(STANDARD) == DEFAULT
    assert find_recipe(STANDARD).digest == DEFAULT.digest


@pytest.mark.parametrize("name", shipped())
def test_each_is_right_and_begins_with_a_summary(name):
    check_recipe(find_recipe(name))
    assert shipped_text(name).startswith("# ")


@pytest.mark.parametrize("name", shipped())
def test_each_can_be_run(name):
    recipe = find_recipe(name)
    outputs = filterfleet.process(file_of(picture(60, 1000), ".png"), name)
    assert [*outputs] == [*recipe.names]
    for output in recipe.outputs:
        data = outputs[output.name]
        if output.encoding == DEEPZOOM:
            assert zipfile.is_zipfile(io.BytesIO(data))
        else:
            assert sniff(data) == ("png" if output.encoding == "same" else output.encoding)


def test_small_pictures_are_not_enlarged_for_the_web():
    outputs = filterfleet.process(file_of(picture(60, 500), ".png"), "web-responsive")
    assert [*outputs] == ["avif-480", "avif-960", "webp-480", "webp-960"]
    sizes = {name: Image.open(io.BytesIO(data)).size for name, data in outputs.items()}
    assert sizes["webp-480"] == (480, 58)
    assert sizes["webp-960"] == (500, 60)


def test_a_name_is_a_recipe_that_ships_and_a_path_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sketch").write_text('[outputs.mine]\nsteps = ["invert"]')
    (tmp_path / "own").write_text('[outputs.mine]\nsteps = ["invert"]')
    assert find_recipe("sketch").outputs[0].name == "pencil"
    assert find_recipe("own") == find_recipe("./sketch") == find_recipe(tmp_path / "sketch")


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        ("skech", r"There is no recipe and no file 'skech': did you mean 'sketch'\?$"),
        ("", r"There is no recipe and no file '': there are default, archive, "),
        ("a\0", "no file can have this name"),
        ("x" * 300, "There is no recipe and no file"),
        ("skech.toml", r"skech.toml cannot be read: No such file"),
        ("./skech", r"skech cannot be read: No such file"),
    ],
)
def test_what_is_neither(choice, words):
    with pytest.raises(RecipeError, match=words):
        find_recipe(choice)
