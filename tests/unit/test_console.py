"""The line that shows how far the work is, on a terminal and elsewhere."""

from __future__ import annotations

import io
import sys

import pytest

from filterfleet import console
from filterfleet.console import Bar, print_failures
from filterfleet.listener.ledger.ledger import Failure


class Terminal(io.TextIOWrapper):
    def isatty(self) -> bool:
        return True


def written(stream: io.TextIOWrapper) -> str:
    stream.flush()
    buffer = stream.buffer
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue().decode(stream.encoding)


def test_a_file_gets_one_line_at_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    bar = Bar("images")
    bar.update(0, 0)
    bar.update(1, 4)
    bar.update(4, 4)
    assert capsys.readouterr().out == ""
    bar.close()
    said = capsys.readouterr().out
    assert said.startswith(f"images {'━' * console.WIDTH} 4/4 ")
    assert said.count("\n") == 1


def test_a_bar_that_never_began_is_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    Bar("images").close()
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_a_terminal_sees_each_step_in_one_line_that_fits(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", stream := Terminal(io.BytesIO(), encoding=encoding))
    monkeypatch.setenv("COLUMNS", "30")
    bar = Bar("threads", stderr=True)
    for done in range(3):
        bar.update(done, 3)
    bar.close()
    lines = written(stream).removesuffix("\n").split("\r")
    assert len(lines) == 4
    assert all(len(line.removesuffix("\x1b[K")) < 30 for line in lines)
    assert "\n" not in "".join(lines)


def test_updates_are_due_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(console.time, "monotonic", lambda: now)
    bar = Bar("images")
    assert bar.is_due
    bar.update(1, 2)
    assert not bar.is_due
    now += 2 * console.LOOK
    assert bar.is_due


def test_a_name_cannot_control_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    print_failures([Failure("[red]a\x1b[2Jb:smile:.jpg", "no\nimage")])
    assert capsys.readouterr().out == "failed [red]a\\x1b[2Jb:smile:.jpg: no image\n"
