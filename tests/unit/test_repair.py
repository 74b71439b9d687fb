"""The journal beside a ledger, and ledgers that were damaged."""

from __future__ import annotations

import sqlite3
import time

import pytest

from filterfleet.common.errors import FleetError
from filterfleet.common.wire import OutputFile, Result
from filterfleet.listener.core.scan import Version
from filterfleet.listener.ledger import journal as journal_module
from filterfleet.listener.ledger.journal import Journal, journal_file, lines_of
from filterfleet.listener.ledger.ledger import Ledger
from filterfleet.listener.ledger.opening import LEDGER
from filterfleet.listener.ledger.reading import made, reader, sources_of
from filterfleet.listener.ledger.repair import faults_of, rebuild

V1, V2 = Version(10, 1), Version(20, 2, "tag é")
OUTPUTS = (OutputFile("edges", "png", 3), OutputFile("blur", "jpeg", 4))
NAMES = ["a.jpg", "trip/b.jpg", "c\udcff'\"\n.jpg"]


class Kept:
    """A ledger with a journal."""

    def __init__(self, state):
        self.state = state
        self.file = state / LEDGER
        self.open()

    def open(self, recipe="recipe"):
        self.ledger = Ledger(self.file, "source", recipe)
        self.journal = self.ledger.journal(self.state, "source")

    def close(self):
        self.ledger.commit()
        self.journal.close()
        self.ledger.close()

    def open_again(self):
        self.close()
        self.open()

    def done(self, path, version=V1, sums=(1, 2)):
        self.ledger.add(path, version, fresh=False)
        result = Result(b"job", OUTPUTS, {"sums": list(sums), "worker": "host/1", "notes": "n"}, (b"png", b"jpeg"))
        self.ledger.done(path, version, result, engine="threads", write=0.1, turnaround=0.2)

    def says(self):
        """What the ledger says of each path."""
        return {path: (state, notes) for path, *_, state, _, notes in (tuple(r.values()) for r in self.ledger.report())}


@pytest.fixture
def kept(tmp_path):
    return Kept(tmp_path / "state")


def overwrite(kept):
    kept.file.write_text("This is a poem.\n" * 1000)


def cut(kept):
    size = kept.file.stat().st_size
    with kept.file.open("r+b") as file:
        file.truncate(size // 2)


def spoil_a_page(kept):
    with kept.file.open("r+b") as file:
        file.seek(4096 * 2)
        file.write(b"\xa5" * 4096)


DAMAGE = [overwrite, cut, spoil_a_page]


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_ledger_is_made_anew_from_its_journal(kept, damage):
    for name in NAMES:
        kept.done(name, V2)
    kept.ledger.skip("old.jpg", V1)
    kept.ledger.set_listed()
    kept.ledger.add("pending.jpg", V1, fresh=True)
    kept.done("gone.jpg")
    kept.ledger.forget("gone.jpg")
    before = {path: said for path, said in kept.says().items() if path != "pending.jpg"}
    settled = kept.ledger.settled()
    kept.close()
    assert faults_of(kept.file) == []
    damage(kept)
    assert faults_of(kept.file)
    rebuilt = rebuild(kept.file)
    assert rebuilt.adopted == len(NAMES)
    assert rebuilt.kept_as.exists()
    assert faults_of(kept.file) == []
    kept.open()
    assert kept.says() == before
    assert kept.ledger.was_listed
    assert kept.ledger.settled() == {path: version for path, version in settled.items() if path != "pending.jpg"}


@pytest.mark.parametrize("damage", [overwrite, cut])
def test_who_opens_a_damaged_ledger_is_told_what_to_do(kept, damage):
    kept.done("a.jpg")
    kept.close()
    damage(kept)
    with pytest.raises(FleetError, match=r"`filterfleet ledger check` says what can be done\.$"):
        Ledger(kept.file, "source", "recipe").failures()
    with (
        pytest.raises(FleetError, match=r"`filterfleet ledger check` says what can be done\.$"),
        reader(kept.file) as db,
    ):
        list(made(db, "source"))


def test_what_is_not_intact_is_left_out(kept):
    for name in NAMES:
        kept.done(name)
    kept.close()
    overwrite(kept)
    assert rebuild(kept.file, lambda image: image.path != "a.jpg").adopted == 2
    kept.open()
    assert kept.says().keys() == set(NAMES[1:])


def test_a_ledger_of_an_earlier_version_gets_a_journal(kept):
    kept.done("a.jpg")
    kept.close()
    journal_file(kept.state, "source").unlink()
    kept.open()
    kept.close()
    overwrite(kept)
    assert rebuild(kept.file).adopted == 1


def test_without_a_journal_everything_is_new(kept):
    kept.done("a.jpg")
    kept.close()
    journal_file(kept.state, "source").unlink()
    overwrite(kept)
    assert rebuild(kept.file).adopted == 0
    assert faults_of(kept.file) == []


def test_a_journal_whose_end_was_cut_still_serves(kept):
    kept.done("a.jpg")
    kept.done("b.jpg")
    kept.close()
    file = journal_file(kept.state, "source")
    file.write_bytes(file.read_bytes()[:-20])
    kept.open()
    kept.done("c.jpg")
    kept.close()
    with file.open("ab") as journal:
        journal.write(b'\xff\x00["done", 7]\n["done", {"a": []}]\n[]\n7\n' + b"[" * 10_000 + b"\n")
    overwrite(kept)
    assert rebuild(kept.file).adopted == 2


def test_a_journal_does_not_grow_for_ever(kept, monkeypatch):
    monkeypatch.setattr(journal_module, "SLACK", 100)
    for round_ in range(6):
        for _ in range(20):
            kept.done("a.jpg", Version(round_, 0))
        kept.open_again()
    assert len(list(lines_of(journal_file(kept.state, "source")))) < 50
    kept.close()
    overwrite(kept)
    assert rebuild(kept.file).adopted == 1


def test_a_journal_is_of_one_source(kept):
    other = Ledger(kept.file, "other", "recipe")
    kept.done("a.jpg")
    kept.ledger.commit()
    journal = Journal(kept.state, "other", other._db)
    other.add("x.jpg", V1, fresh=False)
    other.done("x.jpg", V1, Result(b"job", OUTPUTS, {}, (b"png", b"jpeg")), engine="e", write=0.0, turnaround=0.0)
    other.commit()
    journal.close()
    other.close()
    kept.close()
    overwrite(kept)
    assert rebuild(kept.file).adopted == 2
    with reader(kept.file) as db:
        assert sources_of(db) == ["other", "source"]
        assert [(image.path, image.sums) for image in made(db, "other")] == [("x.jpg", None)]
        assert [(image.path, image.sums) for image in made(db, "source")] == [("a.jpg", (1, 2))]


@pytest.mark.parametrize("sums", [None, [1], ["a", "b"], [1.5, 2], [True, 1], [-1, 2], [1 << 32, 1], {"a": 1}])
def test_a_worker_may_report_any_sums(kept, sums):
    kept.ledger.add("a.jpg", V1, fresh=False)
    result = Result(b"job", OUTPUTS, {"sums": sums}, (b"png", b"jpeg"))
    kept.ledger.done("a.jpg", V1, result, engine="e", write=0.0, turnaround=0.0)
    kept.ledger.commit()
    with reader(kept.file) as db:
        assert [image.sums for image in made(db, "source")] == [None]


# --- retention ----


def test_what_has_been_gone_for_long_is_forgotten(kept):
    for name in NAMES:
        kept.done(name)
    kept.ledger.forget(NAMES[0])
    assert kept.ledger.prune(time.time() - 60) == 0
    assert kept.ledger.prune(time.time() + 60) == 2, "the object, and its result"
    assert kept.says().keys() == set(NAMES[1:])
    assert kept.ledger.prune(time.time() + 60) == 0


def test_results_of_versions_that_were_replaced_are_forgotten(kept):
    kept.done("a.jpg", V1)
    kept.done("a.jpg", V2)
    assert kept.ledger.prune(time.time() - 60) == 0
    assert kept.ledger.prune(time.time() + 60) == 1
    assert kept.says()["a.jpg"][0] == "done"


def test_an_object_that_an_earlier_version_saw_vanish_counts_from_now(kept):
    kept.done("a.jpg")
    kept.ledger.forget("a.jpg")
    kept.ledger.commit()
    with sqlite3.connect(kept.file) as db:
        db.execute("UPDATE objects SET at = NULL")
    db.close()
    assert kept.ledger.prune(time.time() - 60) == 0
    assert kept.ledger.prune(time.time() + 60) == 2
