"""Processes that end without taking their memory apart, and lose nothing by it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from filterfleet.common.process.ending import LOST_OUTPUT
from tests.integration.harness import COMMAND


def ends(code: str, output: str = os.devnull) -> subprocess.CompletedProcess[str]:
    script = f"import atexit, sys, threading, time\nfrom filterfleet.common.process.ending import end\n{code}"
    with Path(output).open("w") as file:
        stdout = subprocess.PIPE if output == os.devnull else file
        command = [sys.executable, "-E", "-c", script]  # whether output is buffered is not for the environment to say
        return subprocess.run(command, stdout=stdout, stderr=subprocess.PIPE, text=True, check=False, timeout=60)


def test_everything_is_written_and_every_thread_and_exit_function_has_its_end():
    said = ends(
        "threading.Thread(target=lambda: (time.sleep(0.05), print('thread'))).start()\n"
        "atexit.register(print, 'exit function')\nprint('main', end=' ')\nend(None)"
    )
    assert (said.returncode, said.stdout.split("\n")) == (0, ["main thread", "exit function", ""])


@pytest.mark.parametrize(("code", "number", "text"), [("7", 7, ""), ("None", 0, ""), ("'why'", 1, "why\n")])
def test_the_code_is_that_of_a_system_exit(code: str, number: int, text: str):
    said = ends(f"end({code})")
    assert (said.returncode, said.stderr) == (number, text)


def test_output_that_is_lost_is_no_success():
    assert ends("print('results')\nend(0)", output="/dev/full").returncode == LOST_OUTPUT


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_command_whose_output_finds_no_room_says_so_in_a_sentence(unbuffered: str):
    command = [
        sys.executable,
        "-c",
        "import sys\nsys.argv[1:] = ['recipe', 'list']\nfrom filterfleet.cli import main\nmain()",
    ]
    environment = os.environ | {"PYTHONUNBUFFERED": unbuffered}
    with open("/dev/full", "wb", buffering=0) as full:  # noqa: PTH123
        said = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, env=environment, timeout=60)
    assert said.returncode == LOST_OUTPUT
    assert said.stderr == "filterfleet: Not everything could be printed: No space left on device.\n"


def test_a_folder_that_is_gone_and_a_variable_that_is_not_for_people_are_sentences(tmp_path):
    for line, sentence in (
        ('rmdir "$PWD"; exec "$0" run / out', "The current folder does not exist any more: change to another one."),
        (
            'FILTERFLEET_SUPERVISOR=me exec "$0" broker',
            "FILTERFLEET_SUPERVISOR is for processes that filterfleet itself starts: unset it.",
        ),
    ):
        (tmp_path / "here").mkdir(exist_ok=True)
        command = ["bash", "-c", line, COMMAND]
        said = subprocess.run(command, cwd=tmp_path / "here", capture_output=True, text=True, timeout=60)
        assert (said.returncode, said.stderr) == (2, f"filterfleet: {sentence}\n")
