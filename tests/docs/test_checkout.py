"""The commands that make an environment in a checkout, as they stand in README.md and CONTRIBUTING.md, in a copy of it.

There may be no network, so the packages of this test run are made importable in the environment beforehand. pip then
finds that each of them is there, in the version that requirements/ want, and installs filterfleet alone.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, commands_for
from tests.integration.harness import output_files

COMMANDS = commands_for("tests/docs/test_checkout.py")
FOLDERS = ("filterfleet", "systemd", "requirements", "bench", "broker", "common", "listener", "worker")
FILES = ("Makefile", "pyproject.toml", "README.md", "LICENSE")
PYTHON = f"{sys.base_prefix}/bin/python{sys.version_info.major}.{sys.version_info.minor}"
SECTIONS = {("README.md", "Two commands"), ("README.md", "Using it"), ("CONTRIBUTING.md", "Setting up")}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for name in FOLDERS:
        shutil.copytree(ROOT / name, tmp_path / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    for name in FILES:
        shutil.copy(ROOT / name, tmp_path)
    typed(["$PYTHON -m venv .venv", ".venv/bin/pip --quiet uninstall --yes setuptools"], tmp_path)
    (site,) = tmp_path.glob(".venv/lib/python*/site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return tmp_path


def typed(commands: list[str], folder: Path) -> str:
    """One after the other in one shell, until one fails. Returns what they say."""
    done = subprocess.run(
        ["bash", "-c", "set -e\n" + "\n".join(commands)],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHON": PYTHON, "PIP_NO_INDEX": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, f"{commands}: {done.stdout}"
    return done.stdout


def test_every_section_that_leaves_commands_to_this_test_is_known() -> None:
    assert COMMANDS.keys() == SECTIONS


@pytest.mark.slow
def test_a_checkout_gets_an_environment_and_shows_itself(checkout: Path) -> None:
    for page in ("CONTRIBUTING.md", "README.md"):  # the second finds everything there
        heading = "Setting up" if page == "CONTRIBUTING.md" else "Using it"
        said = typed([*COMMANDS[page, heading], "command -v filterfleet && filterfleet --version"], checkout)
        assert str(checkout / ".venv/bin/filterfleet") in said
    said = typed(COMMANDS["README.md", "Two commands"], checkout)
    assert "images done, 0 failed." in said
    assert len(output_files(checkout / "demo-output/results")) >= 3


@pytest.mark.slow
def test_without_a_network_make_says_what_pip_lacks(tmp_path: Path) -> None:
    command = ["make", "--old-file", ".venv/ready", f"TOOLS={tmp_path}", f"{tmp_path}/ready", f"PYTHON={PYTHON}"]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | {"PIP_NO_INDEX": "1"}, capture_output=True, text=True)
    assert done.returncode != 0
    *_, pip, ours, _make = done.stderr.splitlines()
    assert pip.startswith("ERROR: ")
    assert ours.startswith("The packages for this cannot be installed, for the reason that pip gives above.")
