"""One object in trouble waits alone, and one folder in trouble leaves out only what is in it."""

import pytest

from filterfleet.listener.core.actions import List, Load, Look, Note, Submit
from filterfleet.listener.core.events import Heard, Listed, Loaded, Looked, TransferFailed, Trouble, Written
from filterfleet.listener.core.patience import FIRST_PAUSE, LONGEST_PAUSE
from filterfleet.listener.core.scan import ROOT, Listing, Version
from filterfleet.listener.core.settings import Backfill
from filterfleet.listener.ledger.ledger import Failure
from tests.unit.listener_rig import AWAY, DIGEST, DONE, V1, V2, Rig, of

LOCKED = Trouble("The file cannot be read: Permission denied.", transient=True, alone=True)


def locked(rig, path="a"):
    """The object cannot be loaded."""
    return rig.on(TransferFailed(path, LOCKED))


def test_it_says_why_at_once_and_nobody_waits_for_it():
    rig = Rig()
    rig.lists(a=V1, b=V2)
    (note,) = of(Note, locked(rig))
    assert (note.event, note.fields) == ("image waits", {"path": "a", "reason": LOCKED.reason})
    assert rig.ledger.failures() == [Failure("a", LOCKED.reason)]
    assert of(Submit, rig.on(Loaded("b", DIGEST, b"image")))
    assert settles(rig, {"a": V1, "b": V2, "c": V1}, {}) == ["c"]


def test_more_of_them_than_are_under_way_at_once_hold_nobody_up():
    rig = Rig(window=2)
    rig.lists(**{str(number): V1 for number in range(20)}, good=V2)
    for number in range(20):
        locked(rig, str(number))
    assert of(Submit, rig.on(Loaded("good", DIGEST, b"image")))


def test_it_is_tried_again_after_pauses_that_grow_and_is_noted_once():
    rig, pauses, notes = Rig(interval=1e6), [], []
    rig.lists(a=V1)
    for _ in range(10):
        notes += of(Note, locked(rig))
        before = rig.now
        while not of(Load, rig.tick(rig.core.wait(rig.now))):
            assert rig.now < before + 1000
        pauses.append(rig.now - before)
    assert pauses[:4] == [1, 2, 4, 8]
    assert pauses[-1] == LONGEST_PAUSE
    assert len([note for note in notes if note.event == "image waits"]) == 1


def test_what_was_not_found_after_one_outage_is_waited_for_in_the_next():
    rig = Rig(once=True, once_patience=60.0)
    rig.lists(a=V1)
    rig.on(TransferFailed("a", AWAY))
    assert of(Load, rig.tick(FIRST_PAUSE))
    assert List() in rig.on(TransferFailed("a", None))
    rig.now += 60.0
    assert of(Load, rig.on(Listed(Listing({"a": V1}))))
    rig.on(TransferFailed("a", AWAY))
    assert rig.state("a") == "pending"


def test_it_is_done_when_it_can_be_read_and_its_next_trouble_begins_anew():
    rig = Rig(interval=1e6)
    rig.lists(a=V1)
    for pause in (1, 2):
        locked(rig)
        assert of(Load, rig.tick(pause))
    for event in (Loaded("a", DIGEST, b"image"), DONE, Written("a", 0.5)):
        rig.on(event)
    assert rig.state("a") == "done"
    rig.core.on(Heard("a"), rig.now)
    assert rig.tick(0.2) == [Look(frozenset({"a"}))]
    rig.on(Looked({"a": V2}))
    assert of(Note, locked(rig))
    assert of(Load, rig.tick(1)) == [Load("a", V2, urgent=False)]


def test_news_of_it_have_it_tried_at_once():
    rig = Rig(interval=1e6)
    rig.lists(a=V1)
    locked(rig)
    rig.core.on(Heard("a"), rig.now)
    rig.tick(0.2)
    assert of(Load, rig.on(Looked({"a": V1}))) == [Load("a", V1, urgent=False)]
    locked(rig)
    assert rig.on(Heard("b")) == []


def test_nothing_is_tried_again_when_it_is_gone():
    rig = Rig()
    rig.lists(a=V1)
    locked(rig)
    settles(rig, {}, {})
    assert rig.ledger.failures() == []
    assert of(Load, rig.tick(100)) == []


def test_with_once_it_has_failed():
    rig = Rig(once=True)
    rig.lists(a=V1, b=V2)
    locked(rig)
    actions = [action for event in (Loaded("b", DIGEST, b"image"), DONE, Written("b", 0.5)) for action in rig.on(event)]
    while not rig.core.finished:
        for _ in of(List, actions):
            rig.core.on(Listed(Listing({"a": V1, "b": V2})), rig.now)
        actions = rig.tick(0.2)
    assert rig.ledger.failures() == [Failure("a", LOCKED.reason)]


def test_an_output_that_cannot_be_written_alone_has_failed_for_now():
    rig = Rig()
    rig.lists(a=V1)
    rig.on(Loaded("a", DIGEST, b"image"))
    rig.on(DONE)
    rig.on(TransferFailed("a", Trouble("There is a link.", transient=True, alone=True)))
    assert rig.ledger.failures() == [Failure("a", "There is a link.")]
    assert rig.lists_next({"a": V1, "b": V2}) == [Load("b", V2, urgent=True)]


# --- folders ----

UNREAD = {"lost+found/": "The folder cannot be read: Permission denied."}


def settles(rig, objects, unread=UNREAD):
    """What the next listing has loaded."""
    rig.tick(1.1 * rig.core.settings.interval)
    return sorted(action.path for action in of(Load, rig.on(Listed(Listing(objects, unread)))))


@pytest.mark.parametrize("lives", [1, 2])
def test_with_no_backfill_what_arrives_is_done_though_a_folder_cannot_be_read(lives):
    rig = Rig(backfill=Backfill.NONE)
    assert settles(rig, {"old": V1}) == []
    if lives == 2:
        rig.start(rig.core.settings)
    assert settles(rig, {"old": V1, "new": V1}) == ["new"]


def test_a_folder_that_can_be_read_later_was_there_before():
    rig = Rig(backfill=Backfill.NONE)
    settles(rig, {"old": V1})
    found = {"old": V1, "lost+found/1": V1, "lost+found/2": V1}
    assert settles(rig, found, {}) == []
    assert settles(rig, found | {"lost+found/1": V2, "lost+found/3": V1}, {}) == ["lost+found/1", "lost+found/3"]


def test_a_root_that_cannot_be_read_is_no_first_listing():
    rig = Rig(backfill=Backfill.NONE)
    assert settles(rig, {"old": V1}, {ROOT: "away"}) == []
    assert settles(rig, {"old": V1, "older": V1}, {}) == []
    assert settles(rig, {"old": V1, "older": V1, "new": V1}, {}) == ["new"]


def test_what_is_gone_elsewhere_is_gone_and_what_is_in_the_folder_is_not():
    rig = Rig()
    rig.tick()
    rig.on(Listed(Listing({"a": V1, "lost+found/1": V1})))
    settles(rig, {})
    assert rig.state("lost+found/1") == "pending"
    assert [row["path"] for row in rig.ledger.report()] == ["lost+found/1"]


def test_any_time_of_a_file_goes_into_the_ledger():
    rig = Rig(interval=1e6)
    times = (0, -(1 << 63), 1 << 63, 10**19, -(10**30), 253402300799 * 10**9)
    versions = {str(time): Version(3, time) for time in times}
    rig.lists(**versions)
    assert {path: version for path, version, _ in rig.ledger.pending()} == versions
    rig.start(rig.core.settings)
    rig.tick()
    assert rig.on(Listed(Listing(versions))) == []
