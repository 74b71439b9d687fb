"""When a file counts as completely written, and when one counts as gone."""

import pytest

from filterfleet.listener.core.scan import (
    LEAST,
    MOST,
    ROOT,
    Gone,
    Listing,
    MassDisappearance,
    Same,
    Scan,
    Settled,
    Version,
)

OLD, NEW = Version(10, 1), Version(20, 2)


def listing(**versions):
    return Listing({f"{name}.jpg": version for name, version in versions.items()})


def test_a_file_settles_after_two_equal_listings_far_enough_apart():
    scan = Scan({}, settle=2.0)
    assert scan.update(listing(a=OLD), 10.0) == []
    assert scan.unsettled == 1
    assert scan.update(listing(a=OLD), 11.9) == []
    assert scan.update(listing(a=OLD), 12.0) == [Settled("a.jpg", OLD)]
    assert scan.update(listing(a=OLD), 99.0) == []
    assert scan.unsettled == 0


def test_a_growing_file_waits_until_it_stops_growing():
    scan = Scan({}, settle=2.0)
    for second in range(10):
        assert scan.update(listing(a=Version(second, second)), second) == []
    assert scan.update(listing(a=Version(9, 9)), 10.9) == []
    assert scan.update(listing(a=Version(9, 9)), 11.0) == [Settled("a.jpg", Version(9, 9))]


def test_old_timestamps_prove_nothing():
    """An upload may carry the time of the photograph, years ago."""
    assert Scan({}, settle=2.0).update(listing(a=Version(10, 0)), 1e9) == []


def test_without_settling_a_file_counts_at_once():
    assert Scan({}, settle=0).update(listing(a=OLD), 1.0) == [Settled("a.jpg", OLD)]


def test_a_file_changed_after_it_settled_settles_again():
    scan = Scan({"a.jpg": OLD}, settle=1.0)
    assert scan.update(listing(a=NEW), 1.0) == []
    assert scan.update(listing(a=NEW), 2.0) == [Settled("a.jpg", NEW)]


def test_a_file_that_changed_back_is_no_news():
    scan = Scan({"a.jpg": OLD}, settle=1.0)
    scan.update(listing(a=NEW), 1.0)
    assert scan.update(listing(a=OLD), 9.0) == []
    assert scan.unsettled == 0


def test_what_was_handed_on_in_an_earlier_life_is_not_handed_on_again():
    assert Scan({"a.jpg": OLD}, settle=0).update(listing(a=OLD), 1.0) == []


def test_a_forgotten_file_is_looked_at_anew():
    scan = Scan({"a.jpg": OLD}, settle=1.0)
    assert scan.forget("a.jpg", OLD)
    assert not scan.forget("a.jpg", OLD)
    scan.update(listing(a=OLD), 1.0)
    assert scan.update(listing(a=OLD), 2.0) == [Settled("a.jpg", OLD)]


def test_a_newer_version_that_has_settled_is_not_forgotten():
    scan = Scan({"a.jpg": NEW}, settle=1.0)
    assert not scan.forget("a.jpg", OLD)
    assert scan.update(listing(a=NEW), 1.0) == []


def test_a_file_that_vanished_is_gone_and_new_when_it_returns():
    scan = Scan({"a.jpg": OLD, "b.jpg": OLD}, settle=1.0)
    assert scan.update(listing(b=OLD), 1.0) == [Gone("a.jpg")]
    assert scan.update(listing(b=OLD), 2.0) == []
    scan.update(listing(a=OLD, b=OLD), 3.0)
    assert scan.update(listing(a=OLD, b=OLD), 4.0) == [Settled("a.jpg", OLD)]


def test_a_file_that_vanished_before_it_settled_begins_anew():
    scan = Scan({}, settle=2.0)
    scan.update(listing(a=OLD), 0.0)
    assert scan.update(listing(), 1.0) == []
    assert scan.unsettled == 0
    assert scan.update(listing(a=OLD), 2.0) == []


def test_nothing_in_a_folder_is_gone_while_it_cannot_be_read():
    scan = Scan(dict.fromkeys(("trip/a.jpg", "trip/deep/a.jpg", "c.jpg", "trip.jpg"), OLD), settle=0)
    partial = Listing({"b.jpg": NEW}, {"trip/": "The folder cannot be read: Permission denied."})
    assert scan.update(partial, 1.0) == [Settled("b.jpg", NEW), Gone("c.jpg"), Gone("trip.jpg")]
    assert scan.update(listing(b=NEW), 2.0) == [Gone("trip/a.jpg"), Gone("trip/deep/a.jpg")]


def test_how_many_vanish_is_compared_with_what_can_be_seen():
    """Of 100 known objects 80 cannot be seen: 11 of the other 20 are more than a fifth, and more than the minimum."""
    known = {f"{'lost/' * (n >= 20)}{n}.jpg": OLD for n in range(100)}
    scan = Scan(known, settle=0)
    left = dict.fromkeys(list(known)[11:20], OLD)
    assert scan.update(Listing(left, {"lost/": "why"}), 1.0) == [MassDisappearance(frozenset(list(known)[:11]), 20)]


def test_a_file_that_cannot_be_looked_at_is_not_gone():
    scan = Scan({"a.jpg": OLD, "b.jpg": OLD}, settle=0)
    assert scan.update(Listing({}, {"a.jpg": "The file cannot be looked at: Input/output error."}), 1.0) == [
        Gone("b.jpg")
    ]


def test_nothing_is_gone_while_the_root_cannot_be_read():
    scan = Scan({"a.jpg": OLD}, settle=0)
    assert scan.update(Listing({}, {ROOT: "The folder cannot be read: Input/output error."}), 1.0) == []


@pytest.mark.parametrize("size", [0, -1, 1 << 63, 1 << 200])
@pytest.mark.parametrize("mtime", [0, -(1 << 63), -(1 << 63) - 1, (1 << 63) - 1, 1 << 63, 1 << 64, -(10**30)])
def test_any_integer_makes_a_version_that_a_ledger_can_hold(size, mtime):
    version = Version(size, mtime)
    assert LEAST <= version.size <= MOST
    assert LEAST <= version.mtime_ns <= MOST
    assert version == Version(size, mtime) == Version(version.size, version.mtime_ns, version.tag)
    others = {Version(size, mtime + 1), Version(size + 1, mtime), Version(size, mtime, "x")}
    assert len(others - {version}) == 3


def test_a_mass_disappearance_is_reported_and_not_believed():
    before = {f"{n}.jpg": OLD for n in range(100)}
    scan = Scan(before, settle=0)
    assert scan.update(Listing({}), 1.0) == [MassDisappearance(frozenset(before), 100)]
    assert scan.update(Listing(before), 2.0) == []


def test_a_few_files_may_always_vanish_and_a_fifth_of_many():
    few = {f"{n}.jpg": OLD for n in range(10)}
    assert len(Scan(few, settle=0).update(Listing({}), 1.0)) == 10
    many = {f"{n}.jpg": OLD for n in range(100)}
    left = dict(list(many.items())[20:])
    assert len(Scan(many, settle=0).update(Listing(left), 1.0)) == 20


def test_a_look_at_one_object_says_nothing_of_the_others():
    scan = Scan({"a.jpg": OLD, "b.jpg": OLD}, settle=2.0)
    assert scan.look(["a.jpg"], {"a.jpg": NEW}, 1.0, 1.0) == []
    assert scan.look(["a.jpg"], {"a.jpg": NEW}, 3.0, 3.0) == [Settled("a.jpg", NEW)]
    assert scan.update(listing(a=NEW, b=OLD), 4.0) == []


def test_an_object_that_a_look_does_not_find_is_watched_no_more():
    scan = Scan({}, settle=2.0)
    scan.look(["a.jpg"], {"a.jpg": NEW}, 1.0, 1.0)
    assert scan.is_unsettled("a.jpg")
    assert scan.look(["a.jpg"], {}, 2.0, 2.0) == []
    assert not scan.is_unsettled("a.jpg")
    assert scan.look(["a.jpg"], {"a.jpg": NEW}, 3.0, 3.0) == []


def test_that_a_known_object_vanished_is_said_by_the_next_listing():
    scan = Scan({"a.jpg": OLD, "b.jpg": OLD}, settle=0)
    assert scan.look(["a.jpg"], {}, 1.0, 1.0) == []
    assert scan.update(listing(b=OLD), 2.0) == [Gone("a.jpg")]


def test_a_listing_that_took_long_may_have_seen_an_object_at_its_beginning():
    scan = Scan({}, settle=2.0)
    scan.look(["a.jpg"], {"a.jpg": NEW}, 1.0, 1.0)
    assert scan.update(listing(a=NEW), 9.0, began=1.5) == []
    assert scan.update(listing(a=NEW), 10.0, began=9.5) == [Settled("a.jpg", NEW)]


# --- what a file system says beside size and time ----

FIRST, AFTER = Version(10, 1, "", 100, 7), Version(10, 1, "", 200, 7)
MINUTE = 60 * 10**9  # nanoseconds


def test_what_has_not_changed_for_long_is_settled_at_the_first_look():
    """By the ctime, which nobody can set; whatever the mtime says."""
    old, new = Version(10, MINUTE, "", MINUTE - 2 * 10**9), Version(10, 0, "", MINUTE - 10**9)
    scan = Scan({}, settle=2.0)
    listing = Listing({"old.jpg": old, "new.jpg": new, "unknown.jpg": OLD}, clock_ns=MINUTE)
    assert scan.update(listing, 1.0) == [Settled("old.jpg", old)]
    assert sorted(scan.growing) == ["new.jpg", "unknown.jpg"]


def test_without_the_file_systems_clock_every_file_is_looked_at_twice():
    scan = Scan({}, settle=2.0)
    assert scan.update(Listing({"a.jpg": FIRST}), 1.0) == []
    assert scan.update(Listing({"a.jpg": FIRST}), 3.0) == [Settled("a.jpg", FIRST)]


def test_another_ctime_with_the_same_size_and_time_is_found_again():
    scan = Scan({"a.jpg": FIRST}, settle=0)
    assert scan.update(listing(a=AFTER), 1.0) == [Settled("a.jpg", AFTER, again=True)]
    assert scan.update(listing(a=AFTER), 2.0) == []


def test_a_ctime_that_was_not_known_before_is_no_news_of_the_content():
    """As in the ledgers of earlier versions."""
    scan = Scan({"a.jpg": OLD}, settle=2.0)
    known = Version(OLD.size, OLD.mtime_ns, "", 100, 7)
    assert scan.update(listing(a=known), 1.0) == [Same("a.jpg", known)]
    assert scan.update(listing(a=known), 2.0) == []


def test_another_inode_is_found_again_until_it_proves_to_mean_nothing():
    other, third = Version(10, 1, "", 100, 8), Version(10, 1, "", 100, 9)
    scan = Scan({"a.jpg": FIRST, "b.jpg": FIRST}, settle=0)
    assert scan.update(listing(a=other, b=other), 1.0) == [
        Settled("a.jpg", other, again=True),
        Settled("b.jpg", other, again=True),
    ]
    assert scan.update(listing(a=third, b=third), 2.0) == [], "they have not been compared yet"
    scan.compared("a.jpg", same=True)
    assert not scan.is_worth_comparing("b.jpg", other)
    assert scan.update(listing(a=FIRST, b=FIRST), 3.0) == []


def test_an_inode_that_meant_another_content_goes_on_to_count():
    other = Version(10, 1, "", 100, 8)
    scan = Scan({"a.jpg": FIRST}, settle=0)
    scan.update(listing(a=other), 1.0)
    scan.compared("a.jpg", same=False)
    assert scan.update(listing(a=FIRST), 2.0) == [Settled("a.jpg", FIRST, again=True)]


def test_what_may_have_been_written_to_is_found_again_though_it_looks_the_same():
    scan = Scan({"a.jpg": FIRST, "b.jpg": FIRST}, settle=0)
    found = {"a.jpg": FIRST, "b.jpg": FIRST}
    assert scan.look(found, found, 1.0, 1.0, {"a.jpg"}) == [Settled("a.jpg", FIRST, again=True)]


def test_what_may_have_been_written_to_and_is_no_longer_there_counts_as_new_when_it_comes_back():
    scan = Scan({"a.jpg": FIRST}, settle=1.0)
    assert scan.look(["a.jpg"], {"a.jpg": FIRST}, 1.0, 1.0, {"a.jpg"}) == []
    assert scan.forget("a.jpg", FIRST)
    assert scan.update(listing(a=FIRST), 3.0) == [Settled("a.jpg", FIRST)]


def test_what_we_took_away_is_not_found_again_by_a_look_that_began_before():
    scan = Scan({"a.jpg": FIRST}, settle=0)
    scan.depart("a.jpg")
    assert scan.look(["a.jpg"], {"a.jpg": FIRST}, 1.0, 1.0, {"a.jpg"}) == []
