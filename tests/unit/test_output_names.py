"""Files that recipes name, and outputs that only some images get: from the pattern to the ledger."""

import io
import random
from dataclasses import replace
from itertools import product
from pathlib import Path, PurePosixPath

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from filterfleet.batch import run
from filterfleet.common.errors import ProtocolError
from filterfleet.common.jobs.made import as_in
from filterfleet.common.jobs.names import NamedFile, place_of
from filterfleet.common.jobs.output_options import Options, When
from filterfleet.common.jobs.patterns import of_output, of_source, stem_of, wrong_with
from filterfleet.common.jobs.recipe import Output, Recipe
from filterfleet.common.wire import OutputFile, Result
from filterfleet.listener.audit import LocalOutput, audit
from filterfleet.listener.core.actions import Submit
from filterfleet.listener.core.core import ListenerCore
from filterfleet.listener.core.events import Loaded
from filterfleet.listener.core.scan import Version
from filterfleet.listener.core.settings import Failures, Settings
from filterfleet.listener.ledger.opening import ledger_file
from filterfleet.listener.ledger.outputs import from_text, to_text
from filterfleet.listener.names import misfit
from filterfleet.single import process
from tests.unit.listener_rig import V1, Rig, of

STEM = Recipe((Output("out", (), "png", options=Options(name="{stem}-{width}.{ext}")),))


def picture(width: int, height: int, seed: int = 0) -> bytes:
    file = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


# --- patterns ----


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("", "1 to 100 characters"),
        ("{stem}" + "x" * 100 + ".{ext}", "1 to 100 characters"),
        ("../{stem}.{ext}", "It may have letters"),
        ("{stem}/{width}.{ext}", "It may have letters"),
        ("{stem}\0.{ext}", "It may have letters"),
        ("{stem}\n.{ext}", "It may have letters"),
        ("{stem.{ext}", "It may have letters"),
        ("{stem}}.{ext}", "It may have letters"),
        ("{stem}", "It has to end in .{ext}"),
        ("{stem}.jpg", "It has to end in .{ext}"),
        ("{ext}-{stem}.{ext}", "have that once"),
        ("photo-{width}.{ext}", "all images would share one file"),
        ("{stem}-{name}.{ext}", "once"),
        ("{stem}{width}.{ext}", "Two fields beside each other"),
        ("{stem}-{width}{height}.{ext}", "Two fields beside each other"),
        ("{stem}2{width}.{ext}", "A digit beside {width}"),
        ("{width}0-{stem}.{ext}", "A digit beside {width}"),
        ("{stem}-{colour}.{ext}", "There is no field {colour}; there are {stem}, {name}"),
        ("{}-{stem}.{ext}", "There is no field {}"),
    ],
)
def test_patterns_that_cannot_be_used(pattern, words):
    assert words in (wrong_with(pattern) or "")


@pytest.mark.parametrize(
    "pattern", ["{stem}.{ext}", "{name}.{ext}", "{stem}-{width}x{height}.{ext}", "{width}_{stem} ({output}).{ext}"]
)
def test_patterns_that_can(pattern):
    assert wrong_with(pattern) is None


def test_the_fields_of_a_pattern():
    half = of_output("{stem}-{width}x{height}-{output}.{ext}", width=8, height=6, extension="webp", output="small")
    assert half == "{stem}-8x6-small.webp"
    assert of_source(half, "a.b.jpg") == "a.b-8x6-small.webp"
    assert place_of(NamedFile("small", "webp", 1, half), "trip/a.jpg") == "small/trip/a-8x6-small.webp"
    assert [stem_of(name) for name in ("a.jpg", "a", ".jpg", "a.", "a.b.c")] == ["a", "a", ".jpg", "a.", "a.b"]


PARTS = ("", "{stem}", "{name}", "{width}", "{height}", "-", "x", "7")
patterns = st.sampled_from(
    sorted({text for parts in product(PARTS, repeat=4) if not wrong_with(text := "".join([*parts, ".{ext}"]))})
)
letters = st.sampled_from("ab1.{}-\\width~ é\udcff")
names = st.text(letters, min_size=1, max_size=8).map(lambda name: "a" if name in (".", "..") else name)
sides = st.integers(1, 1200)


@settings(max_examples=25)
@given(patterns, names, names, st.tuples(sides, sides), st.tuples(sides, sides))
def test_a_file_lies_in_its_folder_and_two_sources_never_share_one(pattern, one, other, size, other_size):
    def place(name: str, size: tuple[int, int]) -> str:
        filled = of_output(pattern, width=size[0], height=size[1], extension="png", output="o")
        return place_of(NamedFile("o", "png", 1, filled), f"trip/{name}")

    parts = PurePosixPath(place(one, size)).parts
    assert parts[:2] == ("o", "trip")
    assert len(parts) == 3
    assert place(one, size).count("/") == 2
    rivals = one == other or ("{stem}" in pattern and stem_of(one) == stem_of(other))
    assert rivals or place(one, size) != place(other, other_size)


# --- what a worker says, as the recipe has it ----


def result(*files: OutputFile, **report: object) -> Result:
    return Result(b"j" * 40, files, report, tuple(bytes(file.size) for file in files))


def test_the_recipe_names_the_files_and_not_the_worker():
    made = as_in(STEM, result(OutputFile("out", "png", 3), sizes=[[40, 30]], sums=[1]))
    assert made.outputs == (NamedFile("out", "png", 3, "{stem}-40.png"),)
    assert made.report == {"sums": [1]}
    for sizes in (None, [], [[40]], [["../../x", 1]], [[0, 1]], [[True, 1]], [[10**9, 1]], "40", [[-1, 2]]):
        with pytest.raises(ProtocolError, match="does not say how large"):
            as_in(STEM, result(OutputFile("out", "png", 3), sizes=sizes))


def test_an_output_may_be_missing_only_by_rule():
    large = replace(STEM.outputs[0], name="large", options=Options(when=When(min_width=100)))
    recipe = Recipe((*STEM.outputs, large))
    files = OutputFile("out", "png", 3), OutputFile("large", "png", 0)
    made = as_in(recipe, result(*files, sizes=[[4, 3], [0, 0]], sums=[7, 0]))
    assert [file.name for file in made.outputs] == ["out"]
    assert (len(made.payload), made.report["sums"]) == (1, [7])
    with pytest.raises(ProtocolError, match="not those of the recipe"):
        as_in(recipe, result(files[0], sizes=[[4, 3]]))
    plain = Recipe((Output("out", ()),))
    assert as_in(plain, result(OutputFile("out", "png", 0))).outputs == (OutputFile("out", "png", 0),)


def test_the_ledger_keeps_the_names():
    files = OutputFile("a", "png", 3), NamedFile("b", "szi", 4, "{stem}-4.szi")
    assert from_text(to_text(files)) == files
    assert to_text(files[:1]) == '[["a", "png", 3]]', "as it was before there were names"


def test_a_name_that_would_be_too_long_is_told_before_any_work():
    assert misfit("a" * 200 + ".jpg", STEM.outputs, 255) is None
    assert "would have 25" in (misfit("a" * 245 + ".jpg", STEM.outputs, 255) or "")


# --- images that want one name ----


class Naming(Rig):
    def start(self, settings: Settings) -> None:
        self.core = ListenerCore(settings, STEM, self.ledger, random.Random(1))
        self.core.start(self.now, watching=True, looking=True)

    def load(self, path: str, content: bytes) -> bool:
        """Whether it is submitted."""
        return bool(of(Submit, self.on(Loaded(path, content * 32, b"x"))))


def test_of_two_images_that_want_one_name_the_first_gets_it():
    rig = Naming(failures=Failures.OFF)
    rig.lists(**{"a.png": V1, "a.jpg": V1, "a.b.jpg": V1, "trip/a.jpg": V1, "ab.jpg": V1, "a": Version(3, 3)})
    assert not rig.load("a.png", b"1")
    assert [rig.load(path, b"%d" % number) for number, path in enumerate(("a.b.jpg", "trip/a.jpg", "ab.jpg"), 4)] == [
        True
    ] * 3
    (failure,) = rig.ledger.failures()
    assert failure.path == "a.png"
    assert failure.reason.startswith("Its output out would have the name of that of a: put {name} in place of {stem}")
    assert not rig.load("a.jpg", b"2")
    assert rig.load("a", b"3")


def test_one_that_is_under_way_is_not_overtaken_by_one_that_comes_before_it():
    rig = Naming(failures=Failures.OFF, settle=0.0)
    rig.lists(**{"a.png": V1})
    assert rig.load("a.png", b"1")
    rig.lists_next({"a.png": V1, "a.jpg": V1})
    assert not rig.load("a.jpg", b"2")
    assert [failure.path for failure in rig.ledger.failures()] == ["a.jpg"]


# --- from folder to folder ----


RECIPE = """
[outputs.small]
steps = [{ filter = "thumbnail", width = 40, height = 40 }]
encoding = "webp"
name = "{stem}-{width}.{ext}"

[outputs.big]
steps = []
encoding = "jpeg"
when = { min_width = 100 }
"""


def test_a_folder_under_names_and_rules(tmp_path: Path):
    source, output = tmp_path / "in", tmp_path / "out"
    (source / "trip").mkdir(parents=True)
    (source / "wide.png").write_bytes(picture(120, 60))
    (source / "trip" / "copy {width}.png").write_bytes(picture(120, 60))
    (source / "little.png").write_bytes(picture(20, 30, 1))
    (tmp_path / "r.toml").write_text(RECIPE)
    rows = run(source, output, engine="sequential", recipe=tmp_path / "r.toml")
    assert [row["status"] for row in rows] == ["done"] * 3

    def files() -> list[str]:
        paths = (path.relative_to(output) for path in output.rglob("*") if path.is_file())
        return sorted(str(path) for path in paths if path.parts[0] != ".filterfleet")

    made = [
        "big/trip/copy {width}.png.jpg",
        "big/wide.png.jpg",
        "small/little-20.webp",
        "small/trip/copy {width}-40.webp",
        "small/wide-40.webp",
    ]
    assert files() == made

    def faults() -> list[tuple[str, str]]:
        tree = LocalOutput(output)
        try:
            found = audit(ledger_file(source, output, None), str(source), tree.size, tree.sum_of)
            return [(fault.path, fault.fault.value) for fault in found]
        finally:
            tree.close()

    assert faults() == []
    (output / "small/trip/copy {width}-40.webp").unlink()
    (output / "big/wide.png.jpg").write_bytes(b"x")
    assert faults() == [("small/trip/copy {width}-40.webp", "missing"), ("big/wide.png.jpg", "another size")]
    assert run(source, output, engine="sequential", recipe=tmp_path / "r.toml", force=True)
    assert files() == made
    assert faults() == []


def test_an_image_may_get_nothing_at_all(tmp_path: Path):
    source, output = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    for number in range(3):
        (source / f"{number}.png").write_bytes(picture(20, 30, number))
    (tmp_path / "r.toml").write_text("[outputs.big]\nsteps = []\nwhen = { min_width = 100 }")
    rows = run(source, output, engine="sequential", recipe=tmp_path / "r.toml")
    assert [row["status"] for row in rows] == ["done"] * 3
    assert not (output / "big").exists()
    tree = LocalOutput(output)
    assert not [*audit(ledger_file(source, output, None), str(source), tree.size, tree.sum_of)]
    tree.close()


def test_process_gives_the_outputs_that_the_image_gets(tmp_path: Path):
    (tmp_path / "r.toml").write_text(RECIPE)
    assert [*process(picture(120, 60), tmp_path / "r.toml")] == ["small", "big"]
    assert [*process(picture(99, 60), tmp_path / "r.toml")] == ["small"]
