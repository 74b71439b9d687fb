"""Listings and looks run side by side: a fresh upload does not wait for a listing, and neither undoes the other."""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path

import pytest

from filterfleet.common.jobs.recipe import DEFAULT
from filterfleet.common.process.wakeup import StopSignal
from filterfleet.listener.core.actions import List, Load, Look
from filterfleet.listener.core.events import Heard, Listed, Loaded, Looked, Written
from filterfleet.listener.core.scan import Listing, Version
from filterfleet.listener.core.settings import HINT_DELAY, LOOK_DELAY
from filterfleet.listener.ledger.ledger import Ledger
from filterfleet.listener.local.sink import OutputTree
from filterfleet.listener.local.source import Folder
from filterfleet.listener.settings.options import Options
from filterfleet.listener.setup import serve
from filterfleet.worker.engines.local import SequentialEngine
from tests.unit.listener_rig import DIGEST, DONE, V1, V2, Rig, of
from tests.unit.samples import cv2, picture

LATER = 1.0  # seconds after which a look is due that something was heard for
PATIENCE = 20.0  # seconds


@pytest.fixture
def rig() -> Rig:
    """It lists, and has found a in its first listing."""
    rig = Rig()
    rig.lists(a=V1)
    assert List() in rig.tick(1.1 * rig.core.settings.interval)
    return rig


def heard(rig: Rig, path: str) -> None:
    rig.core.on(Heard(path), rig.now)
    assert of(Look, rig.tick(LATER)) == [Look(frozenset({path}))]


def test_a_fresh_upload_is_found_while_everything_is_listed(rig: Rig) -> None:
    heard(rig, "b")
    assert of(Load, rig.on(Looked({"b": V2}))) == [Load("b", V2, urgent=True)]


def test_a_listing_that_missed_what_a_look_has_found_does_not_forget_it(rig: Rig) -> None:
    heard(rig, "b")
    rig.on(Looked({"b": V2}))
    rig.on(Listed(Listing({"a": V1})))
    assert rig.state("b") == "pending"
    assert of(Look, rig.tick(LATER)) == [Look(frozenset({"b"}))], "somebody has to be right"


def test_a_listing_that_shows_an_older_version_than_a_look_does_not_count(rig: Rig) -> None:
    heard(rig, "b")
    rig.on(Looked({"b": V2}))
    assert of(Load, rig.on(Listed(Listing({"a": V1, "b": V1})))) == []
    rig.tick(LATER)
    rig.on(Looked({"b": V2}))
    assert rig.ledger.settled() == {"a": V1, "b": V2}


def test_a_look_that_shows_an_older_version_than_a_listing_does_not_count(rig: Rig) -> None:
    heard(rig, "b")
    assert of(Load, rig.on(Listed(Listing({"a": V1, "b": V2})))) == [Load("b", V2, urgent=True)]
    assert of(Load, rig.on(Looked({"b": V1}))) == []
    assert of(Look, rig.tick(LATER)) == [Look(frozenset({"b"}))]


def test_what_was_written_to_is_compared_though_the_look_at_it_did_not_count() -> None:
    rig, before, after = Rig(), Version(10, 1, ctime_ns=5), Version(10, 1, ctime_ns=6)
    rig.lists(a=before)
    for event in (Loaded("a", DIGEST, b"image"), DONE, Written("a", 0.5)):
        rig.on(event)
    rig.tick(1.1 * rig.core.settings.interval)
    heard(rig, "a")
    assert of(Load, rig.on(Listed(Listing({"a": after})))) == [Load("a", after, urgent=False)]
    rig.on(Loaded("a", DIGEST, b"image"))
    assert of(Load, rig.on(Looked({"a": before}))) == []
    assert of(Look, rig.tick(LATER)) == [Look(frozenset({"a"}))]
    assert of(Load, rig.on(Looked({"a": after}))) == [Load("a", after, urgent=False)]


def test_nothing_is_looked_at_before_the_first_listing_of_a_life(rig: Rig) -> None:
    """It reads the ignore file."""
    rig.start(rig.core.settings)
    rig.core.on(Heard("b"), rig.now)
    asked = rig.tick(LATER)
    assert (of(List, asked), of(Look, asked)) == ([List()], [])
    rig.core.on(Listed(Listing({"a": V1})), rig.now)
    assert of(Look, rig.tick(LATER)) == [Look(frozenset({"b"}))]


@pytest.mark.parametrize(("looking", "pause"), [(True, LOOK_DELAY), (False, HINT_DELAY)])
def test_a_file_that_can_be_looked_at_cheaply_is_looked_at_sooner(looking: bool, pause: float) -> None:
    rig = Rig()
    rig.core.start(rig.now, watching=True, looking=looking)
    rig.lists()
    heard(rig, "b")
    rig.on(Looked({"b": V2}))
    rig.core.on(Heard("b"), rig.now)
    assert rig.core.wait(rig.now) == pytest.approx(pause)


def test_a_listener_does_not_end_while_a_listing_and_a_look_disagree() -> None:
    rig = Rig(once=True)
    rig.core.start(rig.now, watching=False, looking=True)
    rig.lists()
    assert rig.core.finished
    rig.core._discovery.stir("b", rig.now)
    assert {type(action) for action in rig.tick(LATER)} == {List, Look}
    rig.core.on(Looked({"b": V2}), rig.now)
    rig.core.on(Listed(Listing({})), rig.now)
    assert not rig.core.finished


class SlowFolder(Folder):
    """Its listings but the first take until somebody lets them end."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.listings = 0
        self.listing, self.may_end = threading.Event(), threading.Event()

    def list(self) -> Listing:
        self.listings += 1
        if self.listings > 1:
            self.listing.set()
            assert self.may_end.wait(PATIENCE)
        return super().list()


def test_a_fresh_upload_is_done_while_a_listing_is_under_way(tmp_path: Path) -> None:
    root, output = tmp_path / "in", tmp_path / "out"
    root.mkdir()
    image = cv2.imencode(".jpg", picture())[1].tobytes()
    source = SlowFolder(root)
    with (
        contextlib.closing(StopSignal()) as stop,
        contextlib.closing(SequentialEngine()) as engine,
        contextlib.closing(OutputTree(output)) as tree,
        contextlib.closing(Ledger(tmp_path / "ledger", "source", DEFAULT.digest.hex())) as ledger,
    ):

        def turned() -> None:
            if source.listing.is_set() and not (root / "fresh.jpg").exists():
                (root / "fresh.jpg").write_bytes(image)
            if ledger.progress().done:
                assert not source.may_end.is_set()
                source.may_end.set()
                stop.count += 1

        serve(Options(settle=0.05, interval=0.05), source, tree, ledger, engine, DEFAULT, stop=stop, turned=turned)
        assert ledger.progress().done == 1
