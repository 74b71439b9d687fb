from pathlib import Path

import pytest

from common.errors import RecipeError
from common.recipe import DEFAULT, Output, Recipe, Step
from common.recipe_file import read_recipe


def read(folder: Path, text: str) -> Recipe:
    file = folder / "recipe.toml"
    file.write_text(text, encoding="utf-8")
    return read_recipe(file)


def test_everything_a_recipe_can_say(tmp_path: Path) -> None:
    recipe = read(
        tmp_path,
        """
        [outputs.soft]
        steps = ["grayscale", { filter = "gaussian_blur", size = 9, sigma = 2.0 }]  # größer
        encoding = "jpeg"
        quality = 85

        [outputs.untouched]
        steps = []
        """,
    )
    blur = Step("gaussian_blur", (("sigma", 2.0), ("size", 9)))
    soft = Output("soft", (Step("grayscale"), blur), "jpeg", 85)
    assert recipe == Recipe((soft, Output("untouched", (), "same", 90)))


def test_the_default_recipe_can_be_written_down(tmp_path: Path) -> None:
    recipe = read(
        tmp_path,
        """
        [outputs]
        grayscale.steps = ["grayscale"]
        blur.steps = [{ filter = "gaussian_blur", size = 5, sigma = 1.4 }]
        edges = { steps = ["grayscale", { filter = "canny", low = 100, high = 200 }], encoding = "png" }
        """,
    )
    assert recipe == DEFAULT
    assert recipe.digest == DEFAULT.digest


def test_the_order_of_parameters_does_not_matter(tmp_path: Path) -> None:
    one = read(tmp_path, '[outputs.a]\nsteps = [{filter = "canny", low = 1, high = 2}]')
    two = read(tmp_path, '[outputs.a]\nsteps = [{high = 2, low = 1, filter = "canny"}]')
    assert one.digest == two.digest


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "has to consist of tables [outputs.NAME]"),
        ("outputs = 1", "has to consist of tables"),
        ("outputs = []", "has to consist of tables"),
        ("[outputs.a]\nsteps = []\n[more]", "has to consist of tables"),
        ("[outputs]", "1 to 64 outputs"),
        ("[outputs\n", "is not TOML"),
        ("[outputs.a]\nsteps = []\n[outputs.a]\nsteps = []", "is not TOML"),
        ("[outputs]\na = 1", "'a' has no list of steps"),
        ("[outputs.a]", "'a' has no list of steps"),
        ("[outputs.a]\nsteps = 'grayscale'", "'a' has no list of steps"),
        ("[outputs.a]\nsteps = [1]", "neither a filter's name nor a table with the key filter"),
        ("[outputs.a]\nsteps = [{size = 1}]", "neither a filter's name nor a table with the key filter"),
        ("[outputs.a]\nsteps = [{filter = 1}]", "neither a filter's name nor a table with the key filter"),
        ("[outputs.a]\nsteps = []\nsize = 1", "unknown key 'size'"),
        ("[outputs.a]\nsteps = []\nencoding = 'gif'", "unknown encoding 'gif'"),
        ("[outputs.a]\nsteps = []\nencoding = 1", "encoding"),
        ("[outputs.a]\nsteps = []\nquality = 0", "quality 0"),
        ("[outputs.a]\nsteps = []\nquality = 101", "quality 101"),
        ("[outputs.a]\nsteps = []\nquality = 50.5", "quality"),
        ("[outputs.a]\nsteps = []\nquality = true", "quality"),
        ("[outputs.'../a']\nsteps = []", "name"),
        ("[outputs.'']\nsteps = []", "name"),
        ("[outputs.a]\nsteps = [{filter = 'canny', low = [1]}]", "'canny' has a parameter that is not a name"),
        ("[outputs.a]\nsteps = [{filter = 'canny', low = 1979-05-27}]", "of no use to any filter"),
        ("[outputs.a]\nsteps = [{filter = 'canny', low = 99999999999999999999999}]", "of no use to any filter"),
    ],
)
def test_what_is_no_recipe(text: str, reason: str, tmp_path: Path) -> None:
    with pytest.raises(RecipeError) as raised:
        read(tmp_path, text)
    assert reason in str(raised.value)
    assert str(tmp_path / "recipe.toml") in str(raised.value)


def test_a_recipe_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"The recipe .* cannot be read: No such file or directory\."):
        read_recipe(tmp_path / "missing.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(RecipeError, match="is not TOML"):
        read_recipe(tmp_path / "binary.toml")
