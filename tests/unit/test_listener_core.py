"""The listener's core by hand: what one event leads to. The simulation has the rest."""

from __future__ import annotations

import itertools

import pytest

from filterfleet.common.wire import Failed, OutputFile, Result
from filterfleet.listener.core.actions import (
    Acknowledge,
    Clear,
    Copy,
    List,
    Load,
    Look,
    Note,
    Publish,
    Submit,
    TakeAway,
    Tell,
    Write,
)
from filterfleet.listener.core.events import (
    Cleared,
    Copied,
    Ended,
    Heard,
    Listed,
    Loaded,
    Looked,
    Published,
    Refused,
    SourceChanged,
    TakenAway,
    Told,
    TransferFailed,
    Written,
)
from filterfleet.listener.core.scan import ROOT, Listing, Version
from filterfleet.listener.core.settings import BREATH, FIRST_PAUSE, MANY, Backfill, Failures
from tests.unit.listener_rig import AWAY, DIGEST, DONE, JOB, V1, V2, Rig, of


def test_the_way_of_an_image():
    rig = Rig()
    assert rig.lists(a=V1) == [Load("a", V1, urgent=False)]
    assert rig.on(Loaded("a", DIGEST, b"image")) == [Submit(JOB, 10, b"image", priority=5, urgent=False)]
    assert rig.on(DONE) == [Write("a", DONE.outcome, urgent=False)]
    assert rig.on(Written("a", 0.5)) == [Acknowledge(JOB)]
    assert rig.state("a") == "done"
    assert rig.core.idle


def test_a_job_is_acknowledged_when_the_ledger_is_durable():
    rig = Rig()
    rig.lists(a=V1)
    rig.on(Loaded("a", DIGEST, b"image"))
    rig.on(DONE)
    assert rig.core.on(Written("a", 0.5), rig.now) == []
    assert rig.tick() == [Publish(("a",))]
    assert rig.core.on(Published({}), rig.now) == []
    assert rig.ledger._db.in_transaction
    assert rig.tick() == [Acknowledge(JOB)]
    assert not rig.ledger._db.in_transaction


def test_paths_with_the_same_content_share_a_job_which_ends_with_the_last_of_them():
    rig = Rig()
    assert len(rig.lists(a=V1, b=V2)) == 2
    assert of(Submit, rig.on(Loaded("a", DIGEST, b"image")))
    assert rig.on(Loaded("b", DIGEST, b"image")) == []
    assert rig.on(DONE) == [Write("a", DONE.outcome, urgent=False), Write("b", DONE.outcome, urgent=False)]
    assert rig.on(Written("b", 0.5)) == []
    assert rig.on(Written("a", 0.5)) == [Acknowledge(JOB)]


def test_what_is_done_for_one_path_is_copied_for_another():
    rig = Rig()
    rig.lists(a=V1)
    for event in (Loaded("a", DIGEST, b"image"), DONE, Written("a", 0.5)):
        rig.on(event)
    rig.lists_next({"a": V1, "b": V2})
    (copy,) = rig.on(Loaded("b", DIGEST, b"image"))
    assert (copy.path, copy.original) == ("b", "a")
    assert rig.on(Copied("b", found=True)) == []
    assert rig.state("b") == "done"


def test_a_copy_whose_original_is_gone_is_made_by_the_engine():
    rig = Rig()
    rig.lists(a=V1)
    for event in (Loaded("a", DIGEST, b"image"), DONE, Written("a", 0.5)):
        rig.on(event)
    rig.lists_next({"a": V1, "b": V2})
    assert of(Copy, rig.on(Loaded("b", DIGEST, b"image")))
    assert of(Submit, rig.on(Copied("b", found=False)))


def test_outputs_that_are_being_copied_are_not_replaced_meanwhile():
    rig = Rig()
    rig.lists(a=V1)
    for event in (Loaded("a", DIGEST, b"image"), DONE, Written("a", 0.5)):
        rig.on(event)
    rig.lists_next({"a": V1, "b": V2})
    rig.on(Loaded("b", DIGEST, b"image"))
    assert rig.lists_next({"a": V2, "b": V2}) == [], "a newer version of the original waits"
    assert rig.on(Copied("b", found=True)) == [Load("a", V2, urgent=False)]


def test_an_outage_is_waited_for_and_noted_once():
    rig = Rig()
    rig.lists(a=V1)
    (note,) = rig.on(TransferFailed("a", AWAY))
    assert isinstance(note, Note)
    assert note.event == "trying again"
    assert rig.tick(FIRST_PAUSE / 2) == []
    assert rig.tick(FIRST_PAUSE / 2) == [Load("a", V1, urgent=False)]
    assert rig.on(TransferFailed("a", AWAY)) == []
    assert rig.tick(2 * FIRST_PAUSE) == [Load("a", V1, urgent=False)]
    going_on, _ = rig.on(Loaded("a", DIGEST, b"image"))
    assert going_on.event == "going on"


def test_after_the_stop_a_failure_says_nothing():
    rig = Rig()
    rig.lists(a=V1)
    rig.core.stop()
    assert rig.core.on(TransferFailed("a", AWAY), rig.now) == []
    assert rig.core.end() == []
    assert rig.state("a") == "pending"


def test_a_failure_for_good_is_told_once_that_is_durable_and_then_recorded():
    rig = Rig(failures=Failures.COPY)
    rig.lists(a=V1)
    noted = rig.core.on(Refused("a", "too large"), rig.now)
    assert [action.event for action in noted] == ["image failed"]
    assert rig.tick() == [Tell("a", V1, "too large", with_image=True)]
    assert rig.ledger.is_told("a")
    assert rig.state("a") == "pending"
    rig.on(Told("a"))
    assert rig.state("a") == "failed"


def test_what_was_told_is_cleared_when_the_image_is_mended():
    rig = Rig(failures=Failures.REASON)
    rig.lists(a=V1)
    rig.on(Refused("a", "too large"))
    rig.on(Told("a"))
    rig.lists_next({"a": V2})
    rig.on(Loaded("a", DIGEST, b"image"))
    rig.on(DONE)
    assert rig.on(Written("a", 0.5)) == [Clear("a"), Acknowledge(JOB)]
    rig.on(Cleared("a"))
    assert not rig.ledger.is_told("a")
    assert rig.core.idle


def test_what_an_earlier_life_has_told_and_not_cleared_is_cleared():
    rig = Rig(failures=Failures.REASON)
    rig.lists(a=V1)
    rig.on(Refused("a", "too large"))
    rig.on(Told("a"))
    rig.lists_next({"a": V2})
    for event in (Loaded("a", DIGEST, b"image"), DONE, Written("a", 0.5)):
        rig.on(event)
    rig.start(rig.core.settings)
    assert of(Clear, rig.tick()) == [Clear("a")]


def test_a_failure_that_may_pass_is_tried_again_after_a_while():
    rig = Rig(failures=Failures.COPY)
    rig.lists(a=V1)
    rig.on(Loaded("a", DIGEST, b"image"))
    rig.on(Ended(JOB, Failed(JOB, "transient", "No worker finished.")))
    assert rig.state("a") == "failed"
    assert of(Load, rig.tick(rig.core.settings.another_try)) == [Load("a", V1, urgent=False)]


def test_it_is_not_tried_again_when_it_has_been_replaced():
    rig = Rig()
    rig.lists(a=V1)
    rig.on(Loaded("a", DIGEST, b"image"))
    rig.on(Ended(JOB, Failed(JOB, "transient", "No worker finished.")))
    rig.lists_next({"a": V2})
    rig.on(Loaded("a", b"e" * 32, b"other"))
    assert of(Load, rig.tick(rig.core.settings.another_try)) == []


def test_an_image_that_changes_under_the_engine_is_looked_at_anew():
    rig = Rig()
    rig.lists(a=V1)
    rig.on(Loaded("a", DIGEST, b"image"))
    assert rig.on(SourceChanged(JOB)) == [Look(frozenset({"a"}))], "and no acknowledgement"
    assert rig.on(Looked({"a": V2})) == [Load("a", V2, urgent=False)]


def test_outputs_that_are_not_those_of_the_recipe_are_a_failure_that_may_pass():
    rig = Rig()
    rig.lists(a=V1)
    rig.on(Loaded("a", DIGEST, b"image"))
    (note,) = of(Note, rig.on(Ended(JOB, Result(JOB, (OutputFile("../out", "png", 3),), {}, (b"png",)))))
    assert "not those of the recipe" in note.fields["reason"]
    assert rig.state("a") == "failed"


def test_a_source_leaves_once_it_is_durable_that_it_is_done():
    rig = Rig(departs=True)
    rig.lists(a=V1)
    rig.on(Loaded("a", DIGEST, b"image"))
    rig.on(DONE)
    assert rig.core.on(Written("a", 0.5), rig.now) == []
    assert rig.tick() == [Publish(("a",))]
    assert rig.core.on(Published({}), rig.now) == []
    assert rig.tick() == [Acknowledge(JOB), TakeAway("a", V1)]
    rig.on(TakenAway("a"))
    assert rig.ledger.settled() == {}
    assert rig.core.idle


def test_what_an_earlier_life_has_not_taken_away_leaves():
    rig = Rig(departs=True)
    rig.lists(a=V1)
    for event in (Loaded("a", DIGEST, b"image"), DONE, Written("a", 0.5)):
        rig.on(event)
    rig.start(rig.core.settings)
    assert of(TakeAway, rig.tick()) == [TakeAway("a", V1)]


def test_events_gather_only_while_much_is_under_way():
    rig = Rig(window=MANY)
    rig.lists(**{str(number): Version(1, number) for number in range(MANY)})
    assert rig.core.gather == BREATH
    rig.on(Refused("0", "It is no image."))
    assert rig.core.gather == 0.0


def test_a_fresh_upload_goes_first():
    rig = Rig(window=1)
    rig.lists(a=V1, b=V1)
    rig.core.on(Heard("c"), rig.now)
    (look,) = rig.tick(1.0)
    assert look == Look(frozenset({"c"}))
    assert rig.on(Looked({"c": V2})) == [Load("c", V2, urgent=True)]


def test_an_object_that_a_store_tells_of_before_it_shows_it_is_looked_at_once_more():
    rig = Rig(interval=1000.0)
    rig.core.start(rig.now, watching=True, looking=False)
    rig.lists(a=V1)
    rig.core.on(Heard("b"), rig.now)
    looks = 0
    for action in itertools.chain.from_iterable(rig.tick(1.0) for _ in range(30)):
        if action == Look(frozenset({"b"})):
            looks += 1
            rig.core.on(Looked({}), rig.now)
    assert looks == 2


@pytest.mark.parametrize("heard", ["a", ROOT])
def test_before_the_first_listing_news_is_a_reason_to_list(heard):
    rig = Rig()
    rig.core.on(Heard(heard), rig.now)
    assert rig.tick(1.0) == [List()]


def test_without_a_backfill_the_first_listing_is_skipped():
    rig = Rig(backfill=Backfill.NONE)
    assert rig.lists(a=V1) == []
    assert rig.lists_next({"a": V1, "b": V2}) == [Load("b", V2, urgent=True)]


def test_a_listener_that_is_to_end_lists_until_nothing_is_new():
    rig = Rig(once=True)
    rig.lists(a=V1)
    for event in (Loaded("a", DIGEST, b"image"), DONE):
        rig.on(event)
        assert not rig.core.finished
    assert List() in rig.on(Written("a", 0.5)), "at once, since nothing else is under way"
    assert not rig.core.finished
    rig.on(Listed(Listing({"a": V1})))
    assert rig.core.finished


def test_a_scan_that_began_before_a_change_does_not_end_the_listener():
    rig = Rig(once=True, departs=True)
    rig.lists(a=V1)
    for event in (Loaded("a", DIGEST, b"image"), DONE, Written("a", 0.5)):
        rig.on(event)
    assert rig.tick(1.0) == [List()]
    assert not of(Load, rig.on(TransferFailed("a", None))), "it has been replaced, and is not taken away"
    assert rig.on(Listed(Listing({"a": V1}))) == []
    assert not rig.core.finished
    assert rig.tick(1.0) == [List()]
    assert rig.on(Listed(Listing({"a": V2}))) == [Load("a", V2, urgent=False)]


def test_a_failure_in_a_source_that_shows_nothing_is_forgotten_and_tried_again_when_it_comes_back():
    rig = Rig()
    objects = {f"{n}.jpg": Version(n, n) for n in range(20)}
    assert rig.tick() == [List()]
    rig.on(Listed(Listing(objects)))
    for path in objects:
        rig.on(Refused(path, "too large"))
    assert "vanished" in rig.lists_next({})[0].event
    assert rig.ledger.failures() == []
    assert len(of(Load, rig.lists_next(objects))) == 16, "as many as the window takes"


def test_an_event_that_does_not_fit_its_work_is_a_bug():
    rig = Rig()
    rig.lists(a=V1)
    with pytest.raises(AssertionError, match="a is loading"):
        rig.core.on(Written("a", 0.5), rig.now)


def test_a_listener_that_is_to_end_waits_for_a_store_that_asks_for_fewer_requests():
    busy = Listing({}, {ROOT: "Fewer requests."}, busy=True)
    rig = Rig(once=True, once_patience=60.0)
    rig.tick()
    for _ in range(5):
        rig.on(Listed(busy))
        assert not rig.core.finished
        assert rig.tick(11.0) == [List()]
    rig.on(Listed(Listing({"a": V1})))
    assert rig.core.desk.works.keys() == {"a"}


def test_it_does_not_wait_for_ever():
    rig = Rig(once=True, once_patience=60.0)
    rig.tick()
    for _ in range(7):
        rig.on(Listed(Listing({}, {ROOT: "Fewer requests."}, busy=True)))
        rig.tick(11.0)
    assert rig.core.finished
