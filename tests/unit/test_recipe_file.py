"""Recipes as people write them: what they can say, and everything that is wrong with one at once."""

from pathlib import Path

import pytest

from filterfleet.common.errors import RecipeError
from filterfleet.common.jobs.recipe import DEFAULT, MAX_OUTPUTS, MAX_STEPS, Damaged, Metadata, Output, Recipe, Step
from filterfleet.common.jobs.recipe_file import FILE_LIMIT, read_recipe, unchecked
from filterfleet.common.wire.codec import RECIPE_LIMIT
from filterfleet.worker.filters import check_filter


def read(folder: Path, text: str, check=unchecked) -> Recipe:
    file = folder / "recipe.toml"
    file.write_text(text, encoding="utf-8")
    return read_recipe(file, check)


def problems(folder: Path, text: str, check=check_filter) -> list[str]:
    """Without the name of the file, which each begins with."""
    with pytest.raises(RecipeError) as raised:
        read(folder, text, check)
    start = f"{folder / 'recipe.toml'}: "
    assert all(problem.startswith(start) for problem in raised.value.problems)
    assert str(raised.value) == "\n".join(raised.value.problems)
    assert all("\n" not in problem and problem[-1] in ".?" for problem in raised.value.problems)
    return [problem.removeprefix(start) for problem in raised.value.problems]


def test_everything_a_recipe_can_say(tmp_path):
    (tmp_path / "art").mkdir()
    (tmp_path / "art" / "logo.png").write_bytes(b"\x89PNG")
    recipe = read(
        tmp_path,
        """
        metadata = "keep"
        damaged = "accept"

        [outputs.soft]
        steps = ["grayscale", { filter = "gaussian_blur", size = 9, sigma = 2.0 }]  # größer
        encoding = "avif"
        quality = 85
        effort = 0

        [outputs.untouched]
        steps = []

        [outputs.odd]
        steps = [
            { filter = "convolve", kernel = [[0, 1, 0], [1, -4.5, 1], [0, 1, 0]], normalize = true },
            { filter = "mix", weights = [1, 2.5], text = "© 2026" },
            { filter = "watermark_image", picture = { file = "art/logo.png" } },
        ]
        """,
    )
    kernel = (("kernel", ((0, 1, 0), (1, -4.5, 1), (0, 1, 0))), ("normalize", True))
    odd = (
        Step("convolve", kernel),
        Step("mix", (("text", "© 2026"), ("weights", (1, 2.5)))),
        Step("watermark_image", (("picture", b"\x89PNG"),)),
    )
    blur = Step("gaussian_blur", (("sigma", 2.0), ("size", 9)))
    soft = Output("soft", (Step("grayscale"), blur), "avif", 85, 0)
    expected = Recipe((soft, Output("untouched", ()), Output("odd", odd)), Metadata.KEEP, Damaged.ACCEPT)
    assert recipe == expected
    assert Recipe.from_bytes(recipe.to_bytes()) == expected


def test_the_default_recipe_can_be_written_down(tmp_path):
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


def test_the_order_of_parameters_does_not_matter(tmp_path):
    one = read(tmp_path, '[outputs.a]\nsteps = [{filter = "canny", low = 1, high = 2}]')
    two = read(tmp_path, '[outputs.a]\nsteps = [{high = 2, low = 1, filter = "canny"}]')
    assert one.digest == two.digest


def test_a_byte_order_mark_is_no_problem(tmp_path):
    assert read(tmp_path, "\ufeff[outputs.a]\nsteps = []") == Recipe((Output("a", ()),))


ODD = "takes an odd integer from 1 to 255 (pixels), not 4"


def test_all_problems_at_once_each_with_its_place_and_a_suggestion(tmp_path):
    found = problems(
        tmp_path,
        """
        metadata = "strip_gps"
        damage = "refuse"

        [outputs.soft]
        steps = ["grayscael", { filter = "gaussian_blur", size = 4, sigmaa = 2 }, { size = 3 }, "invrt"]
        encoding = "jpg"
        qualty = 80
        quality = 0

        [outputs."a/b"]
        steps = [{ filter = "canny", low = 1979-05-27, high = nan }, { filter = "resize", width = 0 }]
        effort = 10

        [outputs.late]
        step = []
        """,
    )
    name = "Its name has to be 1 to 64 letters, digits, - and _, beginning with a letter or a digit."
    plain = 'It has to be a number, a text, true or false, a list or matrix of numbers, or { file = "PATH" }.'
    assert found == [
        "There is no setting 'damage': did you mean 'damaged'?",
        "Its metadata cannot be 'strip_gps': did you mean 'strip-gps'?",
        "Output 'soft': There is no setting 'qualty': did you mean 'quality'?",
        "Output 'soft', step 1: There is no filter 'grayscael': did you mean 'grayscale'?",
        f"Output 'soft', step 2: Parameter 'size' of filter 'gaussian_blur' {ODD}.",
        "Output 'soft', step 2: Filter 'gaussian_blur' has no parameter 'sigmaa': did you mean 'sigma'?",
        "Output 'soft', step 3: A table for a step needs filter = \"NAME\" with the name of a filter.",
        "Output 'soft', step 4: There is no filter 'invrt': did you mean 'invert'?",
        "Output 'soft': Its encoding cannot be 'jpg': did you mean 'jpeg'?",
        "Output 'soft': Its quality is 0; it has to be an integer from 1 to 100.",
        f"Output 'a/b': {name}",
        f"Output 'a/b', step 1: Parameter 'low' of filter 'canny': {plain}",
        "Output 'a/b', step 1: Parameter 'high' of filter 'canny': It has to be a finite number of at most 64 bits.",
        "Output 'a/b', step 2: Filter 'resize' needs a width, a height or both.",
        "Output 'a/b': Its effort is 10; it has to be an integer from 0 to 9.",
        "Output 'late': There is no setting 'step': did you mean 'steps'?",
        "Output 'late': It has no steps: write steps = [] if the image is only to be stored anew.",
    ]


def test_a_value_that_is_no_value_is_not_missed_as_well(tmp_path):
    """The kernel has no default; that it is wrong is all there is to say."""
    (found,) = problems(tmp_path, '[outputs.a]\nsteps = [{filter = "convolve", kernel = [["x"]]}]')
    where = "Output 'a', step 1: Parameter 'kernel' of filter 'convolve'"
    assert found == f"{where}: A list has to hold numbers, or rows of numbers."


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "It needs 1 to 64 outputs"),
        ("outputs = 1", "It needs 1 to 64 outputs"),
        ("outputs = []", "It needs 1 to 64 outputs"),
        ("[outputs]", "It needs 1 to 64 outputs"),
        ("[[outputs]]", "It needs 1 to 64 outputs"),
        ("".join(f"[outputs.n{n}]\nsteps = []\n" for n in range(MAX_OUTPUTS + 1)), "It needs 1 to 64 outputs"),
        ("[outputs.a]\nsteps = []\n[more]", "There is no setting 'more'"),
        ("[outputs\n", "It is not TOML"),
        ("[outputs.a]\nsteps = []\n[outputs.a]\nsteps = []", "It is not TOML"),
        ("a = " + "9" * 5000, "It is not TOML for people: a number has thousands of digits."),
        ("a = " + "[" * 5000, "nested too deeply"),
        ("metadata = 1\n[outputs.a]\nsteps = []", "Its metadata cannot be 1: there are keep, strip-gps, strip."),
        ("damaged = true\n[outputs.a]\nsteps = []", "Its damaged cannot be true: there are refuse, accept."),
        ("[outputs]\na = 1", "'a': It has to be a table"),
        ("[outputs.a]", "'a': It has no steps: write steps = []"),
        (
            "[outputs.a]\nsteps = 'grayscale'",
            "'a': Its steps are a text; they have to be a list: steps = [\"grayscale\"].",
        ),
        ("[outputs.a]\nsteps = 3", "'a': Its steps are 3; they have to be a list of filters."),
        (f"[outputs.a]\nsteps = {['invert'] * (MAX_STEPS + 1)}", "'a': It has 65 steps; it may have 64."),
        ("[outputs.a]\nsteps = [1]", "step 1: A step is the name of a filter, or a table"),
        ("[outputs.a]\nsteps = [[]]", "step 1: A step is the name of a filter, or a table"),
        ("[outputs.a]\nsteps = ['']", "needs filter ="),
        (f"[outputs.a]\nsteps = ['{'x' * 65}']", "needs filter ="),
        ("[outputs.a]\nsteps = [{filter = 1}]", "needs filter ="),
        (f"[outputs.a]\nsteps = [{{filter = 'x', {'x' * 65} = 1}}]", "A step has at most 64 parameters"),
        (
            f"[outputs.a]\nsteps = [{{filter = 'x', {', '.join(f'p{n} = 1' for n in range(65))}}}]",
            "A step has at most 64 parameters",
        ),
        ("[outputs.a]\nsteps = []\nencoding = 'gif'", "Its encoding cannot be 'gif': there are same, jpeg"),
        ("[outputs.a]\nsteps = []\nencoding = 1", "Its encoding cannot be 1"),
        ("[outputs.a]\nsteps = []\nquality = 101", "quality is 101"),
        ("[outputs.a]\nsteps = []\nquality = 50.5", "quality is 50.5"),
        ("[outputs.a]\nsteps = []\nquality = true", "quality is true"),
        (f"[outputs.a]\nsteps = []\nquality = {'9' * 1000}", "quality is a number of over 64 bits"),
        ("[outputs.a]\nsteps = []\nquality" + ".a" * 2000 + " = 1", "quality is a table"),
        ("[outputs.a]\nsteps = []\neffort = 'most'", "effort is 'most'"),
        ("[outputs.'../a']\nsteps = []", "Its name has to be"),
        ("[outputs.'']\nsteps = []", "Its name has to be"),
        ('[outputs."a\\nb"]\nsteps = []', "Its name has to be"),
        ("[outputs.a]\nsteps = [{filter = 'x', low = 07:32:00}]", "'low' of filter 'x': It has to be a number, a text"),
        ("[outputs.a]\nsteps = [{filter = 'x', low = {}}]", "'low' of filter 'x': It has to be a number, a text"),
        (
            "[outputs.a]\nsteps = [{filter = 'x', low = {file = 'a', size = 1}}]",
            "'low' of filter 'x': It has to be a number, a text",
        ),
        ("[outputs.a]\nsteps = [{filter = 'x', low = -inf}]", "finite number"),
        ("[outputs.a]\nsteps = [{filter = 'x', low = 99999999999999999999999}]", "finite number"),
        ("[outputs.a]\nsteps = [{filter = 'x', low = [[1, nan]]}]", "finite number"),
        ("[outputs.a]\nsteps = [{filter = 'x', low = []}]", "A list has to hold numbers"),
        ("[outputs.a]\nsteps = [{filter = 'x', low = [[1], 2]}]", "A list has to hold numbers"),
        ("[outputs.a]\nsteps = [{filter = 'x', low = [[[1]]]}]", "A list has to hold numbers"),
        ("[outputs.a]\nsteps = [{filter = 'x', low = [true]}]", "A list has to hold numbers"),
        (f"[outputs.a]\nsteps = [{{filter = 'x', low = '{'x' * RECIPE_LIMIT}'}}]", "With all its files it takes"),
    ],
)
def test_what_is_no_recipe(text, reason, tmp_path):
    (found,) = problems(tmp_path, text, unchecked)
    assert reason in found


def test_what_is_far_too_much_is_not_looked_at_one_by_one(tmp_path):
    text = "".join(f"[outputs.n{n}]\nsteps = [{'3,' * 99}]\n" for n in range(500))
    found = problems(tmp_path, text, unchecked)
    assert "It needs 1 to 64 outputs" in found[0]
    assert len(found) == 1 + MAX_OUTPUTS * (1 + MAX_STEPS)


def test_files_in_a_recipe_that_cannot_be_had(tmp_path):
    (tmp_path / "large.png").write_bytes(bytes(RECIPE_LIMIT + 1))
    (tmp_path / "folder").mkdir()
    files = ("missing.png", "large.png", "folder", "a\\u0000b", "x" * 300)
    steps = ", ".join(f'{{ filter = "watermark_image", picture = {{ file = "{file}" }} }}' for file in files)
    found = problems(tmp_path, f"[outputs.a]\nsteps = [{steps}]")
    starts = [f"Output 'a', step {n}: Parameter 'picture' of filter 'watermark_image': " for n in range(1, 6)]
    assert [problem.removeprefix(start) for start, problem in zip(starts, found, strict=True)] == [
        "The file missing.png cannot be read: No such file or directory.",
        "The file large.png is over 64 KiB, which is all a recipe may take.",
        "folder is not a file.",
        "The file a\\x00b cannot be read: no file can have this name.",
        f"The file {'x' * 300} cannot be read: File name too long.",
    ]


def test_files_that_only_together_are_too_large(tmp_path):
    (tmp_path / "half").write_bytes(bytes(RECIPE_LIMIT // 2))
    steps = ", ".join(['{ filter = "x", picture = { file = "half" } }'] * 2)
    (found,) = problems(tmp_path, f"[outputs.a]\nsteps = [{steps}]", unchecked)
    assert f"a recipe may take {RECIPE_LIMIT}: use smaller files" in found


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("missing.toml", None, r"The recipe .*/missing.toml cannot be read: No such file or directory\.$"),
        (".", None, r"The recipe .* cannot be read: Is a directory\.$"),
        ("a\0b", None, r"The recipe .*/a\\x00b cannot be read: no file can have this name\.$"),
        ("x" * 300, None, r"cannot be read: File name too long\.$"),
        (
            "binary.toml",
            b"\xff\xfe\x00",
            r"binary.toml: It is not UTF-8, as TOML has to be \(line 1\): save it with that encoding\.$",
        ),
        ("small.jpg", b"\xff\xd8\xff\xe0\0\x10JFIF\0", r"small.jpg: It is no text, and so no recipe: "),
        ("photo.jpg", bytes(FILE_LIMIT + 1), r"photo.jpg is too large: it is over 256 KiB\.$"),
    ],
)
def test_a_file_that_is_no_recipe_at_all(name, content, words, tmp_path):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(RecipeError, match=words) as raised:
        read_recipe(tmp_path / name)
    assert len(raised.value.problems) == 1


def test_a_misspelt_word_gets_one_suggestion_and_no_list_of_all(tmp_path):
    for written, meant in {"grop": "crop", "GrayScale": "grayscale", "gausian_blur": "gaussian_blur"}.items():
        (found,) = problems(tmp_path, f"[outputs.a]\nsteps = ['{written}']")
        assert found == f"Output 'a', step 1: There is no filter '{written}': did you mean '{meant}'?"
    (found,) = problems(tmp_path, "[outputs.a]\nsteps = ['zzzzzz']")
    assert found == "Output 'a', step 1: There is no filter 'zzzzzz': `filterfleet filters` lists those that there are."
    (found,) = problems(tmp_path, "[outputs.a]\nsteps = []\nzzzzzz = 1")
    assert found == "Output 'a': There is no setting 'zzzzzz': docs/recipes.md lists those that there are."
