"""A fleet writes the names of files: copies of one photograph get pictures of their own, also after a rename."""

from __future__ import annotations

import shutil

import pytest

from tests.integration.harness import output_files
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
