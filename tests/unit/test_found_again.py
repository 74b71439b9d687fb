"""Files with the size and time of files that are done: whether they are done again depends on their content."""

from __future__ import annotations

from filterfleet.common.wire import Result
from filterfleet.listener.core.actions import Load, Submit, TakeAway
from filterfleet.listener.core.events import Ended, Heard, Listed, Loaded, Looked, TransferFailed, Trouble, Written
from filterfleet.listener.core.scan import Listing, Version
from tests.unit.listener_rig import DIGEST, DONE, OUTPUTS, RECIPE, Rig, of

V, TOUCHED = Version(10, 1, "", 100, 7), Version(10, 1, "", 200, 7)
OTHER = b"o" * 32
OTHER_JOB = OTHER + RECIPE.digest


def rig_with(*paths: str, **choices: object) -> Rig:
    """All of these are done; they have the same content."""
    rig = Rig(**choices)
    rig.lists(**dict.fromkeys(paths, V))
    for path in paths:
        rig.on(Loaded(path, DIGEST, b"image"))
    rig.on(DONE)
    for path in paths:
        rig.on(Written(path, 0.5))
    return rig


def make_other(rig: Rig, path: str) -> None:
    rig.on(Ended(OTHER_JOB, Result(OTHER_JOB, OUTPUTS, {}, (b"png",))))
    rig.on(Written(path, 0.5))


def test_after_a_chmod_an_image_is_hashed_and_not_done_again():
    rig = rig_with("a")
    assert rig.lists_next({"a": TOUCHED}) == [Load("a", TOUCHED, urgent=False)]
    assert of(Submit, rig.on(Loaded("a", DIGEST, b"image"))) == []
    assert rig.ledger.settled()["a"].ctime_ns == TOUCHED.ctime_ns
    assert rig.lists_next({"a": TOUCHED}) == []
    assert (rig.state("a"), rig.core.idle) == ("done", True)


def test_another_content_of_the_same_size_and_time_is_done():
    rig = rig_with("a")
    rig.lists_next({"a": TOUCHED})
    assert len(of(Submit, rig.on(Loaded("a", OTHER, b"other")))) == 1
    assert rig.state("a") == "pending"
    make_other(rig, "a")
    assert rig.ledger.made("a", TOUCHED) == OTHER_JOB
    assert rig.core.idle


def test_what_a_notification_names_is_hashed_though_it_looks_the_same():
    rig = rig_with("a")
    rig.core.on(Heard("a"), rig.now)
    rig.tick(1.0)
    assert of(Load, rig.on(Looked({"a": V}))) == [Load("a", V, urgent=False)]
    assert len(of(Submit, rig.on(Loaded("a", OTHER, b"other")))) == 1


def test_a_file_that_is_replaced_while_it_is_processed_is_compared_afterwards():
    rig = Rig()
    rig.lists(a=V)
    rig.on(Loaded("a", DIGEST, b"image"))
    assert of(Load, rig.lists_next({"a": TOUCHED})) == []
    rig.on(DONE)
    assert of(Load, rig.on(Written("a", 0.5))) == [Load("a", TOUCHED, urgent=False)]
    assert len(of(Submit, rig.on(Loaded("a", OTHER, b"other")))) == 1


def test_outputs_that_another_content_may_replace_are_not_copied():
    rig = rig_with("a")
    assert len(of(Load, rig.lists_next({"a": TOUCHED, "b": V}))) == 2
    assert [submit.job for submit in of(Submit, rig.on(Loaded("b", DIGEST, b"image")))] == [DONE.job]
    assert [submit.job for submit in of(Submit, rig.on(Loaded("a", OTHER, b"other")))] == [OTHER_JOB]


def test_a_restart_does_not_forget_a_content_that_was_not_compared():
    rig = rig_with("a")
    rig.lists_next({"a": TOUCHED})
    rig.start(rig.core.settings)
    assert of(Load, rig.lists(a=TOUCHED)) == [Load("a", TOUCHED, urgent=False)]


def test_what_cannot_be_read_after_a_chmod_stays_done_and_is_compared_when_it_can():
    rig = rig_with("a")
    rig.lists_next({"a": TOUCHED})
    rig.on(TransferFailed("a", Trouble("It may not be read.", transient=True, alone=True)))
    assert rig.state("a") == "done"
    rig.tick(5.0)
    rig.tick(1.0)
    assert of(Load, rig.on(Looked({"a": TOUCHED}))) == [Load("a", TOUCHED, urgent=False)]


def test_an_image_that_stayed_leaves_after_a_chmod_that_allows_it():
    rig = rig_with("a", departs=True)
    rig.on(TransferFailed("a", Trouble("It may not be removed.", transient=False)))
    rig.lists_next({"a": TOUCHED})
    assert of(TakeAway, rig.on(Loaded("a", DIGEST, b"image"))) == [TakeAway("a", TOUCHED)]


def test_the_ledger_of_an_earlier_version_makes_nobody_hash_or_redo_anything():
    rig = rig_with("a", "b")
    rig.ledger._db.execute("UPDATE objects SET ctime_ns = NULL, inode = NULL")
    rig.ledger.commit()
    rig.start(rig.core.settings)
    assert rig.lists(a=V, b=TOUCHED) == []
    assert rig.ledger.settled()["b"].ctime_ns == TOUCHED.ctime_ns, "from now on it is known"
    assert of(Load, rig.lists_next({"a": TOUCHED, "b": TOUCHED})) == [Load("a", TOUCHED, urgent=False)]


def test_inodes_that_change_at_will_make_nobody_hash_for_ever():
    paths = [f"{number}" for number in range(40)]
    rig = rig_with(*paths, window=60)
    rig.start(Rig(window=2).core.settings)
    loads = of(Load, rig.lists(**{path: Version(10, 1, "", 100, 8) for path in paths}))
    assert len(loads) == 2
    loads = [load for path in ("0", "1") for load in of(Load, rig.on(Loaded(path, DIGEST, b"image")))]
    assert len(loads) < 3
    for load in loads:
        rig.on(Loaded(load.path, DIGEST, b"image"))
    assert rig.core.idle
    assert of(Load, rig.lists_next({path: Version(10, 1, "", 100, 9) for path in paths})) == []


# --- many at once, and what is fresh ----


def test_a_large_listing_is_taken_up_in_turns_and_the_first_of_it_at_once():
    rig = Rig(window=4)
    objects = {f"{number:05}": Version(10, number) for number in range(5000)}
    rig.tick()
    assert len(of(Load, rig.core.on(Listed(Listing(objects)), rig.now))) == 4
    assert rig.ledger.progress().pending == 64
    assert not rig.ledger.was_listed, "not yet: a killed listener would take the others for fresh uploads"
    while rig.core.wait(rig.now) == 0:
        rig.tick()
    assert rig.ledger.progress().pending == 5000
    assert rig.ledger.was_listed
    assert rig.core.pending == 4996


def test_a_change_that_is_seen_before_its_file_is_taken_up_is_not_overwritten():
    rig = Rig(window=1)
    objects = {f"{number:05}": Version(10, number) for number in range(3000)}
    rig.tick()
    rig.core.on(Listed(Listing(objects)), rig.now)
    newer = Version(20, 3000)
    rig.core.on(Heard("02999"), rig.now)
    rig.core.on_tick(rig.now + 0.2)
    rig.core.on(Looked({"02999": newer}), rig.now + 0.2)
    while rig.core.wait(rig.now + 0.2) == 0:
        rig.core.on_tick(rig.now + 0.2)
    assert rig.ledger.settled()["02999"] == newer


def test_an_upload_that_comes_just_after_a_restart_goes_before_the_backfill():
    rig = Rig(window=1)
    rig.lists(**{f"{number}": V for number in range(100)})
    rig.start(rig.core.settings)
    assert rig.core.pending == 100
    listing = {f"{number}": V for number in range(100)} | {"new": V}
    rig.tick(1.4)
    rig.on(Listed(Listing(listing)))
    assert rig.core.desk.intake.fresh == ["new"] or "new" in rig.core.desk.works
    assert ("new", V, True) in rig.ledger.pending()
    rig.start(rig.core.settings)
    assert of(Load, rig.tick()) == [Load("new", V, urgent=True)]
