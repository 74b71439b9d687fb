"""The line of `up`: on a terminal it stays, below the lines of the log; elsewhere there is one line a minute."""

from __future__ import annotations

import io
import logging
import sys
from types import SimpleNamespace

import pytest

from filterfleet import live
from filterfleet.common.logs import ALL
from filterfleet.live import DRAWN, PRINTED, LiveLine, fleet_words


class Terminal(io.TextIOWrapper):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    moved = SimpleNamespace(now=1000.0)
    moved.monotonic = lambda: moved.now
    monkeypatch.setattr(live, "time", moved)
    return moved


def test_a_terminal_keeps_one_line_below_the_log(clock: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", stream := Terminal(io.BytesIO(), encoding="utf-8"))
    monkeypatch.setenv("COLUMNS", "30")
    monkeypatch.setenv("TERM", "xterm")
    line = LiveLine()
    line.show("1 done, \x1b[31m in a line that is far too long for this terminal")
    line.show("2 done")
    logging.getLogger(ALL).error("process died")
    assert line.is_due
    line.show("2 done")
    line.close()
    shown = stream.buffer.getvalue().decode()
    steps = shown.split("\r")[1:]
    assert [step.removesuffix("\n") for step in steps] == [
        "1 done, \\x1b[31m in a line th\x1b[K",
        "2 done\x1b[K",
        "\x1b[K",
        "2 done\x1b[K",
    ]
    assert shown.endswith("\n")
    handlers = len(logging.getLogger(ALL).handlers)
    logging.getLogger(ALL).error("later")
    assert len(logging.getLogger(ALL).handlers) == handlers
    assert stream.buffer.getvalue().decode() == shown


def test_a_file_gets_a_line_a_minute(clock: SimpleNamespace, capsys: pytest.CaptureFixture[str]) -> None:
    line = LiveLine()
    for second in range(150):
        clock.now = 1000.0 + second
        if line.is_due:
            line.show(f"{second} s")
    line.close()
    assert capsys.readouterr().out == f"0 s\n{PRINTED:g} s\n{2 * PRINTED:g} s\n"
    assert DRAWN < PRINTED


def test_before_the_listener_has_said_anything_it_says_so() -> None:
    assert fleet_words(None, 1, 2) == "Starting: 1 of 2 workers alive"
