"""The line that shows how far the work is, on a terminal and elsewhere."""

from __future__ import annotations

import io
import sys

import pytest

from filterfleet import console
from filterfleet.console import Bar, print_failures
from filterfleet.listener.ledger.ledger import Failure, Progress


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


class Ledger:
    """Takes as long to count as told, by a clock that is moved by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.takes, self.looks = 100.0, 0.0, 0
        monkeypatch.setattr(console.time, "monotonic", lambda: self.now)

    def progress(self) -> Progress:
        self.looks += 1
        self.now += self.takes
        return Progress(pending=1, done=self.looks, failed=0)


def test_the_ledger_is_looked_at_now_and_then_and_seldom_when_that_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", stream := Terminal(io.BytesIO(), encoding="utf-8"))
    ledger = Ledger(monkeypatch)
    bar = Bar("images")
    for _ in range(10):
        bar.look(ledger)  # type: ignore[arg-type]
    assert ledger.looks == 1
    ledger.now += console.LOOK
    ledger.takes = 1.0
    bar.look(ledger)  # type: ignore[arg-type]
    assert ledger.looks == 2
    ledger.now += console.SHARE / 2
    bar.look(ledger)  # type: ignore[arg-type]
    assert ledger.looks == 2
    ledger.now += console.SHARE / 2
    bar.look(ledger)  # type: ignore[arg-type]
    assert ledger.looks == 3
    assert " 3/4 " in written(stream)


def test_a_file_needs_no_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = Ledger(monkeypatch)
    Bar("images").look(ledger)  # type: ignore[arg-type]
    assert ledger.looks == 0


def test_a_name_cannot_control_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    print_failures([Failure("[red]a\x1b[2Jb:smile:.jpg", "no\nimage")])
    assert capsys.readouterr().out == "failed [red]a\\x1b[2Jb:smile:.jpg: no image\n"
