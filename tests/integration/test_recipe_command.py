"""`filterfleet recipe`, and --recipe of every command: what they do, and what they say of a wrong one."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from filterfleet.app import app
from filterfleet.common.jobs.recipe_file import read_recipe
from filterfleet.common.jobs.shipped import find_recipe, shipped, shipped_text
from filterfleet.common.process.command import guarded
from filterfleet.worker.filters import check_filter
from tests.integration.harness import Fleet, Processes, check_outputs, expected_outputs, ledger_rows, wait_until

USAGE = 2
WRONG = """
metadata = "everything"

[outputs.soft]
steps = ["grayscael", { filter = "gaussian_blur", sice = 3 }]
encoding = "jpg"
"""
SENTENCES = (
    "Its metadata cannot be 'everything': there are keep, strip-gps, strip.",
    "Output 'soft', step 1: There is no filter 'grayscael': did you mean 'grayscale'?",
    "Output 'soft', step 2: Filter 'gaussian_blur' has no parameter 'sice': did you mean 'size'?",
    "Output 'soft': Its encoding cannot be 'jpg': did you mean 'jpeg'?",
)
NEGATIVE = '[outputs.negative]\nsteps = ["invert"]\nencoding = "png"\n'


@pytest.fixture
def filterfleet(capsys: pytest.CaptureFixture[str]):
    """(arguments) -> exit code, standard output, standard error."""

    def run(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            guarded(lambda: app([str(argument) for argument in arguments]))
        return int(ended.value.code or 0), *capsys.readouterr()

    return run


def check_sentences(said: str, file: Path) -> None:
    assert said.splitlines() == [f"filterfleet: {file}: {sentence}" for sentence in SENTENCES]


@pytest.fixture
def wrong(tmp_path) -> Path:
    file = tmp_path / "wrong.toml"
    file.write_text(WRONG)
    return file


@pytest.fixture
def few(photographs, tmp_path) -> Path:
    return Path(shutil.copytree(photographs(3, 200, 300), tmp_path / "in"))


# --- filterfleet recipe ----


def test_init_writes_a_recipe_that_is_right(filterfleet, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, said, _ = filterfleet("recipe", "init")
    assert code == 0
    assert "recipe.toml" in said
    recipe = read_recipe(tmp_path / "recipe.toml", check_filter)
    assert [output.name for output in recipe.outputs] == ["soft", "edges"]


def test_init_never_writes_over_a_file_unless_told_to(filterfleet, tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text("precious")
    code, said, wrong = filterfleet("recipe", "init", file)
    assert (code, said) == (USAGE, "")
    assert wrong == f"filterfleet: {file} exists already: --force overwrites it.\n"
    assert file.read_text() == "precious"
    assert filterfleet("recipe", "init", file, "--force")[0] == 0
    read_recipe(file, check_filter)


def test_init_names_the_file_as_check_takes_it(filterfleet, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "`filterfleet recipe check mine.toml`" in filterfleet("recipe", "init", "mine.toml")[1]
    assert "`filterfleet recipe check ./sketch`" in filterfleet("recipe", "init", "sketch")[1]


@pytest.mark.parametrize(
    ("place", "reason"),
    [("no/folder.toml", "No such file or directory"), ("x" * 300, "File name too long")],
)
def test_init_where_nothing_can_be_written(filterfleet, tmp_path, place, reason):
    code, _, wrong = filterfleet("recipe", "init", f"{tmp_path}/{place}")
    assert code == USAGE
    assert "cannot be written" in wrong
    assert reason in wrong
    assert wrong.count("\n") == 1


def test_check_says_what_a_recipe_does(filterfleet, tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text(
        """
        metadata = "strip"
        [outputs.page]
        steps = ["grayscale", { filter = "clahe", clip = 3 }]
        encoding = "webp"
        effort = 6
        [outputs.small]
        steps = [{ filter = "thumbnail", width = 200 }, "clahe"]
        [outputs.sharp]
        steps = [{ filter = "convolve", kernel = [[0, -1, 0], [-1, 5, -1], [0, -1, 0]] }]
        [outputs.copy]
        steps = []
        encoding = "avif"
        """
    )
    code, said, _ = filterfleet("recipe", "check", file)
    assert code == 0
    lines = said.splitlines()
    assert lines[0] == "page: decode -> grayscale -> clahe(clip=3) -> webp, quality 90, effort 6"
    whole = "huge images only if they fit into memory whole: "
    assert lines[1].startswith(f"    {whole}Output 'page', step 2, filter 'clahe': The")
    assert lines[2] == "small: decode -> thumbnail(width=200) -> clahe -> the format of the source, quality 90"
    assert lines[3] == "    images of any size: huge ones go through in strips"
    assert lines[4].startswith("sharp: decode -> convolve(kernel=[[0, -1, 0], [-1, 5, -1], [0, -1, 0]]) -> ")
    assert lines[6] == "copy: decode -> avif, quality 90"
    assert "cannot be stored as AVIF" in lines[7]
    assert lines[8] == "metadata: no EXIF, no XMP; damaged files are refused"
    assert read_recipe(file).digest.hex() in lines[9]


def test_check_says_everything_that_is_wrong(filterfleet, wrong):
    code, said, complaint = filterfleet("recipe", "check", wrong)
    assert (code, said) == (USAGE, "")
    check_sentences(complaint, wrong)


def test_list_and_show(filterfleet):
    code, said, _ = filterfleet("recipe", "list")
    assert code == 0
    assert [line.split()[0] for line in said.splitlines()] == list(shipped())
    assert filterfleet("recipe", "show", "sketch") == (0, shipped_text("sketch"), "")
    code, _, wrong = filterfleet("recipe", "show", "skech")
    assert code == USAGE
    assert wrong == "filterfleet: There is no recipe 'skech': did you mean 'sketch'?\n"
    assert filterfleet("recipe", "show", "../../secret")[0] == USAGE


# --- --recipe ----


def commands(few: Path, output: Path) -> dict[str, tuple[object, ...]]:
    folders = ("--source", few, "--output", output)
    return {
        "up": ("up", *folders, "--once"),
        "listener": ("listener", *folders, "--once"),
        "submit": ("submit", next(few.rglob("*.jpg")), "--output", output),
        "run": ("run", few, output, "--engine", "sequential"),
        "demo": ("demo", "--output", output),
    }


@pytest.mark.parametrize("command", ["up", "listener", "submit", "run", "demo"])
def test_a_wrong_recipe_ends_a_command_before_it_begins(filterfleet, few, tmp_path, wrong, command):
    code, said, complaint = filterfleet(*commands(few, tmp_path / "out")[command], "--recipe", wrong)
    assert (code, said) == (USAGE, "")
    check_sentences(complaint, wrong)
    assert not [file for file in (tmp_path / "out").rglob("*") if "photographs" not in file.parts]


def test_up_passes_its_recipe_on(processes: Processes, fleet: Fleet, few, tmp_path):
    """A file with a path relative to where the command was started."""
    (tmp_path / "mine.toml").write_text(NEGATIVE)
    ports = ("--frontend-port", fleet.frontend, "--backend-port", fleet.backend, "--settle", 0)
    options = (*commands(few, tmp_path / "out")["up"], *ports, "--workers", 1, "--threads", 1)
    code, said = processes.run(*options, "--recipe", tmp_path / "in" / ".." / "mine.toml")
    assert code == 0, said
    assert "3 images done, 0 failed." in said
    recipe = read_recipe(tmp_path / "mine.toml")
    check_outputs(tmp_path / "out", expected_outputs(few, recipe))
    assert ledger_rows(tmp_path / "out", "SELECT DISTINCT recipe FROM results") == [(recipe.digest.hex(),)]


@pytest.mark.slow
def test_listener_and_submit_with_recipes_of_their_own(fleet: Fleet, few, tmp_path):
    """The same images under two recipes, in turns, on one output."""
    fleet.start_broker()
    fleet.start_worker()
    (tmp_path / "mine.toml").write_text(NEGATIVE)
    expected = {}
    for choice in ("sketch", tmp_path / "mine.toml", "sketch"):
        listener = fleet.start_listener(few, tmp_path / "out", "--once", "--settle", 0, "--recipe", choice)
        assert listener.wait(60) == 0, listener.said
        expected |= expected_outputs(few, find_recipe(choice))
        check_outputs(tmp_path / "out", expected)

    image = next(few.rglob("*.jpg"))
    options = ("submit", image, "--output", tmp_path / "single", "--frontend-port", fleet.frontend)
    code, said = fleet.processes.run(*options, "--recipe", tmp_path / "mine.toml")
    assert code == 0, said
    (made,) = (tmp_path / "single").rglob("*.png")
    assert made.read_bytes() == expected[f"negative/{image.relative_to(few)}.png"]


def test_a_listener_that_does_not_know_the_filters_checks_what_it_can(processes: Processes, few, tmp_path, wrong):
    _, *rest = commands(few, tmp_path / "out")["listener"]
    code, said = processes.run("-m", "filterfleet.listener", *rest, "--recipe", wrong, program=(sys.executable, "-P"))
    assert code == USAGE
    assert said.splitlines() == [f"filterfleet: {wrong}: {SENTENCES[n]}" for n in (0, 3)]


@pytest.mark.slow
def test_a_listener_says_once_what_no_worker_can_do(fleet: Fleet, few, tmp_path):
    """Like one whose workers lack a plugin: the images wait."""
    (tmp_path / "far.toml").write_text('[outputs.far]\nsteps = ["invert", "far_away", "beyond"]')
    fleet.start_broker()
    options = ("--source", few, "--output", tmp_path / "out", "--frontend-port", fleet.frontend, "--interval", 0.1)
    listener = fleet.processes.start(
        *("-m", "filterfleet.listener", *options, "--recipe", tmp_path / "far.toml"), program=(sys.executable, "-P")
    )
    wait_until(lambda: fleet.status()["waiting"] == 3, what="three tasks")
    fleet.start_worker()
    wait_until(lambda: "no worker has the filter" in listener.said, what="the warning")
    fleet.wait_for_workers(1)
    listener.terminate()
    assert listener.wait(10) == 0
    assert listener.said.count("no worker has the filter") == 1
    assert "`beyond`, `far_away`" in listener.said
