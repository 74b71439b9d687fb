"""Ctrl-C while a command loads its modules ends it without a word."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from filterfleet.common.process.interrupt import quietly

PROGRAM = """
import os, signal, sys
class CtrlC:
    def find_spec(self, name, *_):
        if name == {module!r}:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, CtrlC())
sys.argv = ["filterfleet", *{arguments!r}]
from filterfleet.cli import main
main()
"""


@pytest.mark.parametrize(
    ("module", "arguments", "code"),
    [
        ("filterfleet.common.process.zygote", ["--version"], -signal.SIGINT),
        ("typer", ["--version"], -signal.SIGINT),
        ("filterfleet.listener.setup", ["up"], -signal.SIGINT),  # with zygotes, which are not to say anything either
        ("filterfleet.commands.jobs", ["jobs"], 130),
    ],
)
def test_nothing_is_said_about_where_it_was(module, arguments, code):
    program = PROGRAM.format(module=module, arguments=arguments)
    done = subprocess.run([sys.executable, "-P", "-c", program], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (code, "", "")


def test_what_a_signal_means_is_as_before():
    before = signal.getsignal(signal.SIGINT)
    try:
        for meaning, meanwhile in ((signal.default_int_handler, signal.SIG_DFL), (signal.SIG_IGN, signal.SIG_IGN)):
            signal.signal(signal.SIGINT, meaning)
            with quietly():
                assert signal.getsignal(signal.SIGINT) is meanwhile
            assert signal.getsignal(signal.SIGINT) is meaning
    finally:
        signal.signal(signal.SIGINT, before)
