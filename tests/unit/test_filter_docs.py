"""docs/filters.md describes the catalogue as it is today, and shows every filter."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from filterfleet.app import app
from filterfleet.catalogue.docs import updated
from filterfleet.catalogue.gallery import SAMPLES, before_and_after
from filterfleet.common.errors import FleetError, RecipeError
from filterfleet.worker.filters import names
from filterfleet.worker.pixels.opencv import cv2

PAGE = Path(__file__).parents[2] / "docs" / "filters.md"
UPDATE = "bring it up to date with: filterfleet filters --docs docs/filters.md"


def test_the_page_is_up_to_date():
    text = PAGE.read_text(encoding="utf-8")
    assert updated(text, "filters") == text, UPDATE


def test_every_filter_has_a_small_picture():
    shown = re.findall(r"\]\((filters/\w+\.jpg)\)", PAGE.read_text(encoding="utf-8"))
    files = [PAGE.parent / name for name in shown]
    assert {file.stem for file in files} == set(SAMPLES), UPDATE
    assert {file.name for file in files} == {file.name for file in (PAGE.parent / "filters").iterdir()}, UPDATE
    sizes = [file.stat().st_size for file in files]
    assert max(sizes) < 30_000
    assert sum(sizes) < 1_000_000
    assert all(cv2.imread(str(file)) is not None for file in files)


def test_a_picture_is_made_from_what_the_package_ships():
    assert before_and_after("resize").startswith(b"\xff\xd8\xff")


def test_a_page_without_the_marker_is_refused():
    with pytest.raises(FleetError, match="lacks the line after which the catalogue goes"):
        updated("# Filters\n", "filters")


def run(*arguments):
    return CliRunner().invoke(app, ["filters", *arguments])


def test_the_command_prints_every_filter():
    done = run()
    assert done.exit_code == 0
    assert all(f" {name} " in done.output for name in names())


def test_the_command_prints_one_filter_with_all_its_parameters():
    output = run("clahe").output
    said = " ".join(output.split())
    ends = [(line.split()[0], line.split()[-1]) for line in output.splitlines() if line.split()]
    assert ("clip", "2.0") in ends
    assert ("tiles", "8") in ends
    assert "number from 0.1 to 100 (times" in said
    assert "integer from 1 to 64 (per side)" in said
    assert "Keeps 16 bits. Leaves transparency as it is. Needs the whole image at once, because its tiles" in said


def test_the_command_suggests_a_filter_for_an_unknown_one():
    error = run("gaussian_blr").exception
    assert isinstance(error, RecipeError)
    assert "did you mean 'gaussian_blur'?" in str(error)
