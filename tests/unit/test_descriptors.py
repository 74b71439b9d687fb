"""A process that was started with its standard files closed."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.integration.harness import COMMAND

PROGRAM = """
import os, sys
from filterfleet.common.process.descriptors import open_standard_files
open_standard_files()
with open(sys.argv[1], "w") as file:
    assert file.fileno() > 2
    print("lost")
    print("lost", file=sys.stderr)
    assert sys.stdin.read() == ""
    assert all(map(os.get_inheritable, range(3)))
    file.write("kept")
"""


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_nothing_is_printed_into_another_file(closed, tmp_path):
    line = f'exec "$0" "$@" {closed}'
    command = ["bash", "-c", line, sys.executable, "-c", PROGRAM, str(tmp_path / "file")]
    assert subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, timeout=60).returncode == 0
    assert (tmp_path / "file").read_text() == "kept"


def test_a_command_does_its_work_without_an_output():
    done = subprocess.run(["bash", "-c", '"$0" --version >&-', COMMAND], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
