"""Work begins before a large source has been listed, and the first complete look still decides what is fresh."""

from __future__ import annotations

from pathlib import Path

import pytest

from filterfleet.listener.core.actions import Glance, List, Load
from filterfleet.listener.core.events import Glanced, Listed
from filterfleet.listener.core.scan import Listing
from filterfleet.listener.core.settings import GLANCE, Backfill
from filterfleet.listener.local.source import NAMES, Folder
from filterfleet.listener.settings.selection import IGNORE_FILE
from tests.unit.listener_rig import V1, V2, Rig, of


def glancing(**choices: object) -> Rig:
    rig = Rig(**choices)
    rig.start(rig.core.settings)
    rig.core.start(rig.now, watching=True, looking=True, glancing=True)
    return rig


@pytest.fixture
def rig() -> Rig:
    """It has glanced at a and b, and lists."""
    rig = glancing()
    assert rig.tick() == [Glance(GLANCE), List()]
    assert of(Load, rig.on(Glanced(Listing({"b": V2, "a": V1})))) == [
        Load("a", V1, urgent=False),
        Load("b", V2, urgent=False),
    ]
    return rig


def test_what_a_glance_has_shown_is_no_news_to_the_listing(rig: Rig) -> None:
    assert of(Load, rig.on(Listed(Listing({"a": V1, "b": V2, "c": V2})))) == [Load("c", V2, urgent=False)]
    assert rig.ledger.fresh() == set()
    assert rig.ledger.was_listed


def test_a_glance_is_no_complete_look(rig: Rig) -> None:
    assert not rig.ledger.was_listed
    rig.start(rig.core.settings)  # it has died before the listing
    assert of(List, rig.tick()) == [List()]
    rig.on(Listed(Listing({"a": V1, "b": V2, "c": V2})))
    assert rig.ledger.fresh() == set()


def test_what_was_uploaded_while_no_listener_ran_is_fresh_in_a_glance_as_well(rig: Rig) -> None:
    rig.on(Listed(Listing({})))  # everything has gone
    rig.start(rig.core.settings)
    rig.core.start(rig.now, watching=True, looking=True, glancing=True)
    assert rig.tick() == [Glance(GLANCE), List()]
    assert of(Load, rig.on(Glanced(Listing({"c": V2})))) == [Load("c", V2, urgent=True)]


def test_there_is_no_glance_where_nothing_of_the_first_listing_is_processed() -> None:
    assert glancing(backfill=Backfill.NONE).tick() == [List()]


def test_there_is_no_glance_where_there_is_work(rig: Rig) -> None:
    rig.tick()
    rig.start(rig.core.settings)
    rig.core.start(rig.now, watching=True, looking=True, glancing=True)
    assert of(Glance, rig.tick()) == []


def test_a_folder_shows_some_of_its_files_and_only_those_that_are_wanted(tmp_path: Path) -> None:
    for number in range(50):
        (tmp_path / f"{number}.jpg").write_bytes(b"image")
        (tmp_path / f"{number}.txt").write_bytes(b"text")
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper/a.jpg").write_bytes(b"image")
    (tmp_path / IGNORE_FILE).write_text("[1-4]*.jpg\n")
    folder = Folder(tmp_path)
    listed = folder.list().objects
    assert folder.glance(1000).objects == listed
    some = folder.glance(5).objects
    assert len(some) == 5
    assert some.items() < listed.items()
    assert folder.glance(0).objects == {}


def test_a_glance_finds_files_behind_many_folders_and_does_not_search_for_ever(tmp_path: Path) -> None:
    for number in range(2 * NAMES):
        (tmp_path / f"{number}").mkdir()
        (tmp_path / f"{number}" / "a.jpg").write_bytes(b"image")
    folder = Folder(tmp_path)
    assert len(folder.glance(5).objects) == 5
    assert folder.glance(1).objects == {}
