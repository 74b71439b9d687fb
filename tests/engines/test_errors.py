"""Whatever is wrong with a command, it prints one clear sentence, ends with exit code 2 and leaves nothing behind."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

from filterfleet.app import app
from filterfleet.common.process.command import guarded
from filterfleet.common.process.ports import free_ports
from tests.engines.conftest import Run, Start
from tests.engines.rig import MPIEXEC, PROGRAM, Setup

NOBODY = free_ports()[0]  # a port where nobody listens


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--workers", "0"), "--workers"),
        (("--workers", "-1"), "--workers"),
        (("--workers", "two"), "--workers"),
        (("--threads", "0"), "--threads"),
        (("--engine", "steam"), "'steam' is not one of"),
        (
            ("--engine", "threads", "--workers", "2"),
            "--workers is not for the engine threads, but for dask, processes.",
        ),
        (("--engine", "sequential", "--threads", "2"), "--threads is not for the engine sequential"),
        (("--engine", "cluster", "--workers", "2"), "--workers is not for the engine cluster"),
        (("--engine", "threads", "--scheduler", "tcp://127.0.0.1:1"), "--scheduler is not for the engine threads"),
        (("--engine", "cluster", "--broker", "no such host"), "not 'no such host'"),
        (("--report", "report.txt"), "The report report.txt has to end in .json or .csv."),
        (("--report", "report"), "The report report has to end in .json or .csv."),
        (("--report", "/nowhere/report.json"), "The report /nowhere/report.json cannot be written"),
        (("--report", "/dev/null/report.csv"), "The report /dev/null/report.csv cannot be written"),
        (("--recipe", "/nowhere/recipe.toml"), "The recipe /nowhere/recipe.toml cannot be read: No such file"),
        (("--recipe", "/"), "The recipe / cannot be read: Is a directory."),
        (("--recipe", "skech"), "There is no recipe and no file 'skech': did you mean 'sketch'?"),
    ],
)
def test_wrong_options(
    options: tuple[str, ...],
    sentence: str,
    good: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    with pytest.raises(SystemExit) as ended:
        guarded(lambda: app(["run", str(good), str(tmp_path / "out"), "--engine", "threads", *options]))
    assert ended.value.code == 2
    shown = capsys.readouterr()
    check_sentence(shown.err, sentence)
    assert not shown.out
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--workers", "0"), "--workers"),
        (("--engine", "mpi"), "MPI has one rank only: start with mpiexec"),
        (("--engine", "dask", "--insecure", "--scheduler", "nonsense"), "No Dask scheduler answers at nonsense"),
        (
            ("--engine", "dask", "--insecure", "--scheduler", "tcp://127.0.0.1:port"),
            "No Dask scheduler answers at tcp://127.0.0.1:port",
        ),
    ],
)
def test_wrong_options_of_a_command(
    options: tuple[str, ...], sentence: str, run: Run, good: Path, tmp_path: Path
) -> None:
    ended = run([*PROGRAM, "run", str(good), str(tmp_path / "out"), *options]).check(2)
    check_sentence(ended.stderr, sentence)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("recipe", "sentence"),
    [
        ("", "It needs 1 to 64 outputs, each a table [outputs.NAME]."),
        ("[outputs", "It is not TOML"),
        ('[outputs.a]\nsteps = ["magic"]', "There is no filter 'magic'"),
        ('[outputs.a]\nsteps = [{filter = "canny", low = "x"}]', "low"),
    ],
)
def test_wrong_recipes(recipe: str, sentence: str, run: Run, good: Path, tmp_path: Path) -> None:
    (tmp_path / "recipe.toml").write_text(recipe)
    command = Setup("threads").command(good, tmp_path / "out", "--recipe", tmp_path / "recipe.toml")
    check_sentence(run(command).check(2).stderr, sentence)
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_wrong_folders(run: Run, good: Path, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    for source, output, sentence in (
        (tmp_path / "missing", tmp_path / "out", f"The source folder {tmp_path}/missing does not exist."),
        (file, tmp_path / "out", f"The source {file} is not a folder."),
        (good, good / "out", "overlap"),
        (good, good, "overlap"),
        (good, good.parent, "overlap"),
        (good, file, f"The output {file} is not a folder."),
    ):
        check_sentence(run(Setup("threads").command(source, output)).check(2).stderr, sentence)
    assert not (tmp_path / "out").exists()
    assert not (good / "out").exists()


def test_a_report_that_finds_no_room_costs_nothing_but_the_report(run: Run, good: Path, tmp_path: Path) -> None:
    (tmp_path / "r.csv").symlink_to("/dev/full")
    ended = run(Setup("sequential").command(good, tmp_path / "out", "--report", tmp_path / "r.csv")).check(2)
    *_, summary, problem = ended.stderr.splitlines()
    assert "images done, 0 failed. Results:" in summary
    assert problem == f"filterfleet: The report {tmp_path}/r.csv cannot be written: No space left on device."


def test_an_output_folder_that_is_in_use(run: Run, good: Path, tmp_path: Path) -> None:
    (tmp_path / "out/.filterfleet").mkdir(parents=True)
    with (tmp_path / "out/.filterfleet/lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        ended = run(Setup("threads").command(good, tmp_path / "out")).check(2)
    check_sentence(ended.stderr, f"Another listener is writing to {tmp_path}/out")


@pytest.mark.slow
def test_nobody_answers(start: Start, good: Path, tmp_path: Path) -> None:
    """Each engine takes ten seconds to be sure."""
    address = f"tcp://127.0.0.1:{NOBODY}"
    cluster = start(Setup("cluster", ("--frontend-port", str(NOBODY))).command(good, tmp_path / "out"))
    dask = start(Setup("dask", ("--insecure", "--scheduler", address)).command(good, tmp_path / "out"))
    check_sentence(cluster.wait().check(2).stderr, f"No broker answers at 127.0.0.1, port {NOBODY}: start one there")
    check_sentence(dask.wait().check(2).stderr, f"No Dask scheduler answers at {address}")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("engine", "package"), [("mpi", "mpi4py"), ("dask", "distributed")])
def test_an_extra_that_is_not_installed(engine: str, package: str, run: Run, good: Path, tmp_path: Path) -> None:
    (tmp_path / "stub").mkdir()
    (tmp_path / f"stub/{package}.py").write_text(f"raise ImportError(\"No module named '{package}'\")\n")
    path = os.pathsep.join([str(tmp_path / "stub"), *filter(None, [os.environ.get("PYTHONPATH")])])
    ended = run(Setup(engine).command(good, tmp_path / "out"), PYTHONPATH=path).check(2)
    check_sentence(ended.stderr, f"(No module named '{package}'): pip install 'filterfleet[{engine}]'.")
    assert not (tmp_path / "out").exists()


def test_a_missing_folder_ends_every_rank(run: Run, tmp_path: Path) -> None:
    ended = run(Setup("mpi", prefix=MPIEXEC).command(tmp_path / "missing", tmp_path / "out")).check(2)
    check_sentence(ended.stderr, f"The source folder {tmp_path}/missing does not exist.")
    assert not (tmp_path / "out").exists()


def check_sentence(text: str, sentence: str) -> None:
    """Asserts that the text is one sentence of ours, or a usage error in typer's frame."""
    assert sentence in text
    if "Usage:" not in text:
        assert text.startswith("filterfleet: "), text
        assert text.count("\n") == 1, text
