"""What a listing leaves alone: counted, remembered, and said in a sentence."""

from __future__ import annotations

import dataclasses

import pytest

from filterfleet.common.errors import FleetError
from filterfleet.listener.core.actions import Note
from filterfleet.listener.core.events import Listed
from filterfleet.listener.core.left_alone import KINDS, OTHERS, Tally, sentence
from filterfleet.listener.core.scan import Listing
from filterfleet.listener.core.settings import KINDS_PAUSE
from filterfleet.listener.settings.listener_options import ListenerOptions
from filterfleet.listener.settings.location import Remote
from filterfleet.listener.setup import selection_of
from tests.unit.listener_rig import V1, Rig, of


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ({}, ""),
        (
            {".svg": 1},
            "1 file was left alone: 1 .svg. Convert pictures among them to TIFF or PNG to have them processed.",
        ),
        (
            {"": 2},
            (
                "2 files were left alone: 2 without an extension. "
                "--sniff takes files without an extension that are images."
            ),
        ),
        (
            {"": 1, ".eps": 3, ".svg": 4, OTHERS: 1},
            (
                "9 files were left alone: 4 .svg, 3 .eps, 1 without an extension and 1 other. Convert pictures among "
                "them to TIFF or PNG to have them processed. --sniff takes files without an extension that are images."
            ),
        ),
        ({".dng": 3}, "3 files were left alone: 3 .dng (pip install 'filterfleet[raw]')."),
        (
            {".svg": 9, ".dng": 1, ".nef": 3, ".heic": 1, "raw": 1, "": 1},
            (
                "16 files were left alone: 3 .nef (pip install 'filterfleet[raw]'), 1 .dng (likewise), 1 RAW without "
                "an extension (likewise), 1 .heic (pip install 'filterfleet[heic]'), 9 .svg and 1 without an "
                "extension. Convert pictures among the others to TIFF or PNG to have them processed. "
                "--sniff takes files without an extension that are images."
            ),
        ),
    ],
)
def test_the_sentence_says_what_was_left_alone_and_how_to_have_it(counts, said):
    assert sentence(counts) == said


def test_the_sentence_names_only_some_kinds():
    said = sentence({f".{n}": 10 - n for n in range(9)})
    assert said.startswith("54 files were left alone: 10 .0, 9 .1, 8 .2, 7 .3, 6 .4, 5 .5 and 9 others.")


def test_the_sentence_names_every_extra_that_would_help():
    raw = dict.fromkeys((".dng", ".cr2", ".cr3", ".nef", ".arw", ".raf", ".orf", ".rw2"), 9)
    said = sentence({**raw, ".jxl": 1, ".heic": 1, ".svg": 100})
    assert said.count("pip install") == 3
    assert "101 others" not in said


def test_hostile_names_are_counted_in_bounded_memory_and_shown_as_escapes():
    tally = Tally()
    for name in ("a.\x1b[2J", "b.\udcff", "trip.d/c", "d.", "e.tar.GZ", f"f.{'x' * 200}"):
        tally.add(name)
    assert tally.counts == {r".\x1b[2j": 1, r".\xff": 1, "": 2, ".gz": 1, OTHERS: 1}
    for number in range(3 * KINDS):
        tally.add(f"a.{number}")
    assert len(tally.counts) == KINDS + 1 - (OTHERS in tally.counts)
    assert tally.counts.total() == 6 + 3 * KINDS


def listed(rig, **counts):
    """The notes about such a listing."""
    rig.tick(1.1 * rig.core.settings.interval)
    return of(Note, rig.on(Listed(Listing({"a.jpg": V1}, left_alone={f".{kind}": n for kind, n in counts.items()}))))


def test_a_watching_listener_notes_other_kinds_but_not_too_often():
    rig = Rig()
    assert listed(rig) == []
    (note,) = listed(rig, eps=2)
    assert (note.level, note.fields["files"]) == ("info", 2)
    assert listed(rig, eps=3) == []
    assert listed(rig, eps=3, svg=1) == [], "less than KINDS_PAUSE later"
    rig.now += KINDS_PAUSE
    (note,) = [note for note in listed(rig, eps=3, svg=1) if note.event == "files left alone"]
    assert "3 .eps and 1 .svg" in note.fields["what"]


def test_the_ledger_remembers_what_the_last_listing_left_alone():
    rig = Rig(once=True)
    assert listed(rig, eps=2, svg=1) == []
    assert rig.ledger.left_alone() == {".eps": 2, ".svg": 1}
    listed(rig, eps=1)
    assert rig.ledger.left_alone() == {".eps": 1}
    rig.tick(100.0)
    rig.on(Listed(Listing({}, {".": "The folder cannot be read."})))
    assert rig.ledger.left_alone() == {".eps": 1}, "a source that is away says nothing"


def test_a_remote_cannot_be_sniffed():
    options = ListenerOptions(source="s3:in", output="out", sniff=True)
    with pytest.raises(FleetError, match="--sniff looks into local files only"):
        selection_of(options, Remote("s3", "in"))
    assert not selection_of(dataclasses.replace(options, sniff=False), Remote("s3", "in")).sniff
