"""The example of docs/plugins.md, installed as users do, on its own and in a fleet where not every worker has it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.harness import COMMAND, LOOPBACK, Fleet, Processes, output_files, wait_until

EXAMPLE = Path(__file__).parents[2] / "examples/plugin"
RECIPE = '[outputs.blue]\nsteps = [{ filter = "duotone", dark = "#000040" }]\nencoding = "png"\n'

PIP = (sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def with_plugin(tmp_path_factory) -> tuple[str, ...]:
    """The beginning of a command line whose filterfleet has the plugin. Other commands do not find it."""
    target, source = tmp_path_factory.mktemp("site"), tmp_path_factory.mktemp("source") / "plugin"
    shutil.copytree(EXAMPLE, source)
    subprocess.run([*PIP, "--target", target, source], check=True, timeout=120)
    return command_with(target)


def command_with(target: Path) -> tuple[str, ...]:
    path = os.pathsep.join([str(target), *filter(None, [os.environ.get("PYTHONPATH")])])
    return ("env", f"PYTHONPATH={path}", COMMAND)


@pytest.fixture
def recipe(tmp_path) -> Path:
    file = tmp_path / "recipe.toml"
    file.write_text(RECIPE)
    return file


def test_its_filter_is_one_of_the_catalogue(processes: Processes, with_plugin, photographs, recipe, tmp_path):
    code, said = processes.run("filters", "duotone", program=with_plugin)
    assert code == 0, said
    assert "duotone: Shadows in one colour" in said
    code, said = processes.run("filters", "duotone")
    assert code == 2
    assert "There is no filter 'duotone'" in said
    run = ("run", photographs(3, 200, 300), tmp_path / "out", "--engine", "processes", "--recipe", recipe)
    code, said = processes.run(*run, program=with_plugin)
    assert code == 0, said
    assert len(output_files(tmp_path / "out")) == 3


def pytest_below(folder: Path) -> tuple[str, ...]:
    """Its temporary folders are its own: it would close ours to other users otherwise, and delete the oldest."""
    return "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--basetemp={folder / 'theirs'}"


def test_the_template_works_as_it_is_written(processes: Processes, photographs, tmp_path):
    """Made, installed beside filterfleet, checked, tested, and used in a sandbox."""
    package, target = tmp_path / "mine", tmp_path / "site"
    code, said = processes.run("plugin", "init", "my_film", "--folder", package)
    assert code == 0, said
    subprocess.run([*PIP, "--target", target, package], check=True, timeout=120)
    program = command_with(target)
    code, said = processes.run("filters", "--check", program=program)
    assert (code, said.strip()) == (0, "Nothing is wrong with my_film.")
    ended = subprocess.run(
        [*program[:2], sys.executable, *pytest_below(tmp_path), str(package)],
        capture_output=True,
        text=True,
    )
    assert "3 passed" in ended.stdout, ended.stdout
    recipe = tmp_path / "recipe.toml"
    recipe.write_text('[outputs.film]\nsteps = [{ filter = "my_film", dark = true }]\n')
    run = ("run", photographs(2, 200, 300), tmp_path / "out", "--engine", "processes", "--recipe", recipe)
    code, said = processes.run(*run, program=program)
    assert code == 0, said
    assert len(output_files(tmp_path / "out")) == 2


def test_its_tests_are_right(with_plugin, tmp_path):
    pytest_of_theirs = (*pytest_below(tmp_path), str(EXAMPLE / "test_duotone.py"))
    ended = subprocess.run([*with_plugin[:2], sys.executable, *pytest_of_theirs], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout
    assert "2 passed" in ended.stdout


def test_only_workers_that_have_it_get_its_tasks(fleet: Fleet, with_plugin, photographs, recipe, tmp_path):
    """Without such a worker the images wait, and the listener says what is missing."""
    fleet.start_broker()
    fleet.start_worker()
    fleet.wait_for_workers(1)
    options = ("--source", photographs(3, 200, 300), "--output", tmp_path / "out", "--frontend-port", fleet.frontend)
    listener = fleet.processes.start("listener", *options, "--once", "--recipe", recipe, program=with_plugin)
    wait_until(lambda: "no worker has the filter" in listener.said, what="the warning")
    assert listener.alive
    assert not output_files(tmp_path / "out")

    worker = ("worker", "--broker", LOOPBACK, "--backend-port", fleet.backend, "--threads", 1)
    fleet.processes.start(*worker, program=with_plugin)
    assert listener.wait(60) == 0, listener.said
    assert len(output_files(tmp_path / "out")) == 3
