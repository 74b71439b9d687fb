"""The file that says what a listener does now: whole, ours, and read by anybody who may."""

from __future__ import annotations

import contextlib
from pathlib import Path
from types import SimpleNamespace

import pytest

from filterfleet.common.jobs.recipe import Output, Recipe, Step
from filterfleet.common.process.notify import Notifier
from filterfleet.common.wire import Catalogue
from filterfleet.common.words import Contact, Counts
from filterfleet.listener import telling as module
from filterfleet.listener.orders.box import Box
from filterfleet.listener.present import PRESENT, PresentFile, known
from filterfleet.listener.state import digest
from filterfleet.listener.telling import Telling
from filterfleet.live import fleet_words

RECIPE = Recipe((Output("a", (Step("invert"),)),))
SOURCE = "/photos\x1b[31m"


class Fleet:
    def __init__(self):
        self.contact = Contact("lab:5555", True, 1.0)
        self.catalogue = Catalogue(("invert",), 4)


@pytest.fixture
def clock(monkeypatch):
    """A clock that is moved by hand."""
    moved = SimpleNamespace(now=1000.0)
    moved.monotonic = moved.time = lambda: moved.now
    monkeypatch.setattr(module, "time", moved)
    return moved


@pytest.fixture
def said(monkeypatch):
    found = []
    monkeypatch.setattr(module, "log", SimpleNamespace(at=lambda level, event, fields: found.append((level, event))))
    return found


def test_a_listener_tells_its_numbers_its_rate_and_its_troubles(clock, said, tmp_path: Path):
    fleet, counts = Fleet(), [Counts(100, 0, 0)]
    with contextlib.closing(PresentFile(tmp_path, SOURCE)) as file:
        telling = Telling(SOURCE, "/out", RECIPE, fleet, lambda: counts[0], lambda: False, file)
        telling.look({}, Notifier())
        for _ in range(60):
            clock.now += 1
            counts[0] = counts[0]._replace(pending=counts[0].pending - 1, done=counts[0].done + 1)
            telling.look({"output": "a.jpg: No space left on device."}, Notifier())
    ((present, runs),) = known(tmp_path)
    assert (present.counts, present.per_minute, runs) == (Counts(40, 60, 0), 60.0, False)
    assert present.waits == ("output cannot be written: no space left on device",)
    assert present.contact == fleet.contact
    assert fleet_words(present, 1, 2) == (
        "60 done, 0 failed, 40 to do (about 40 s left), 60 images a minute, 1 of 2 workers alive. "
        "Waiting: output cannot be written: no space left on device"
    )


def test_missing_workers_are_warned_of_and_their_return_is_told(clock, said, tmp_path: Path):
    fleet = Fleet()
    fleet.catalogue = Catalogue((), 0)
    with contextlib.closing(PresentFile(tmp_path, SOURCE)) as file:
        telling = Telling(SOURCE, "/out", RECIPE, fleet, lambda: Counts(3, 0, 0), lambda: False, file)
        for _ in range(10):
            clock.now += 1
            telling.look({}, Notifier())
        assert known(tmp_path)[0].present.waits == ("no worker at all",)
        fleet.catalogue = Catalogue(("invert",), 1)
        for _ in range(2):
            clock.now += 1
            telling.look({}, Notifier())
    assert said == [("info", "broker connected"), ("warning", "work waits"), ("info", "work goes on")]
    assert known(tmp_path)[0].present.waits == ()


def test_nothing_is_looked_at_more_often_than_it_may_cost(clock, said, tmp_path: Path):
    """A ledger of a million images takes its time."""
    looks = []

    def count() -> Counts:
        looks.append(clock.now)
        clock.now += 1.0
        return Counts(0, 0, 0)

    with contextlib.closing(PresentFile(tmp_path, SOURCE)) as file:
        telling = Telling(SOURCE, "/out", RECIPE, Fleet(), count, lambda: False, file)
        for _ in range(200):
            clock.now += 0.5
            telling.look({}, Notifier())
    assert len(looks) <= 3


def test_a_file_says_whether_its_listener_runs_and_is_paused(clock, said, tmp_path: Path):
    paused = [True]
    with contextlib.closing(PresentFile(tmp_path, SOURCE)) as file:
        telling = Telling(SOURCE, "/out", RECIPE, Fleet(), lambda: Counts(0, 0, 0), lambda: paused[0], file)
        telling.look({}, Notifier())
        assert (known(tmp_path)[0].present.paused, "Paused" in known(tmp_path)[0].present.says) == (True, True)
        paused[0] = False
        clock.now += 1
        telling.look({}, Notifier())
        assert not known(tmp_path)[0].present.paused
    with contextlib.closing(Box(tmp_path, SOURCE)) as box, box.taken():
        assert [one.runs for one in known(tmp_path)] == [True]
    assert [one.runs for one in known(tmp_path)] == [False]


@pytest.mark.parametrize("content", [b"", b"{", b'{"source": 7}', b"\xff" * 100, b"[" * 100_000])
def test_a_file_that_is_no_such_file_is_left_out(tmp_path: Path, content: bytes):
    (tmp_path / PRESENT).mkdir()
    (tmp_path / PRESENT / f"{digest(SOURCE)}.json").write_bytes(content)
    assert known(tmp_path) == []
    assert known(tmp_path / "nowhere") == []


def test_what_is_planted_is_not_followed(tmp_path: Path):
    (tmp_path / PRESENT).mkdir()
    (tmp_path / PRESENT / "planted.json").symlink_to("/etc/passwd")
    assert known(tmp_path) == []
