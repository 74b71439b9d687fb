"""A fleet writes the names of files, whatever they are called: copies of one photograph get pictures of their own, also
after a rename."""

from __future__ import annotations

import os
import shutil

import pytest

from filterfleet.recipes import load_recipe
from tests.integration.harness import check_outputs, expected_outputs, output_files
from tests.integration.test_up_once import up

pytestmark = pytest.mark.slow

RECIPE = """
[outputs.marked]
encoding = "png"
steps = [{ filter = "watermark_text", text = "%s" }]
"""


@pytest.mark.parametrize(("text", "different"), [("{name}", 3), ("Ada", 1)])
def test_copies_of_a_photograph(processes, photographs, tmp_path, text, different):
    source, output, recipe = tmp_path / "in", tmp_path / "out", tmp_path / "recipe.toml"
    source.mkdir()
    recipe.write_text(RECIPE % text)
    photograph = min(photographs(1, 300, 300).rglob("*.jpg"))
    shutil.copy(photograph, source / "first.jpg")
    shutil.copy(photograph, source / "second.jpg")
    code, said = up(processes, source, output, "--workers", 1, "--recipe", recipe)
    assert code == 0, said
    (source / "second.jpg").rename(source / "third.jpg")
    code, said = up(processes, source, output, "--workers", 1, "--recipe", recipe)
    assert code == 0, said
    made = [file.read_bytes() for file in output_files(output).values()]
    assert len(made) == 3
    assert len(set(made)) == different


EVERYWHERE = """
[outputs.marked]
steps = [{ filter = "watermark_text", text = "{folder} / {name}", size = 10 }]
encoding = "png"
name = "{name}-{width}.{ext}"

[outputs.pages]
steps = [{ filter = "watermark_text", text = "{stem}", tile = true, angle = 20, missing = "refuse" }]
encoding = "jpeg"
pages = "all"
when = { min_width = 10 }

[outputs.zoom]
steps = [{ filter = "watermark_text", text = "{stem}" }]
encoding = "deepzoom"
lossless = true

[outputs.iiif]
steps = [{ filter = "watermark_text", text = "{folder}" }]
encoding = "iiif"
id = "https://example.org/iiif"
"""
HOSTILE = [
    "plain.jpg",
    "trip/plain.jpg",
    "line\nbreak.jpg",
    "{stem}.jpg",
    "{.jpg",
    "100%Y %s.jpg",
    "x" * 200 + ".jpg",
    "a\u202egpj.jpg",
    "\U0001f600.jpg",
    "e\u0301.jpg",
    "\u00e9.jpg",
    "\u05e2\u05d1.jpg",
    "\x1b[31m.jpg",
    os.fsdecode(b"latin-\xe9.jpg"),
]


def test_names_of_every_kind_on_every_kind_of_output(processes, photographs, tmp_path):
    source, output, recipe = tmp_path / "in", tmp_path / "out", tmp_path / "recipe.toml"
    (source / "trip").mkdir(parents=True)
    recipe.write_text(EVERYWHERE)
    two = sorted(photographs(2, 300, 300).rglob("*.jpg"))
    for number, name in enumerate(HOSTILE):
        shutil.copy(two[number % 2], source / name)
    code, said = up(processes, source, output, "--workers", 1, "--recipe", recipe)
    assert code == 0, said
    check_outputs(output, expected_outputs(source, load_recipe(recipe)))
