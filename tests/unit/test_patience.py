"""Outages are waited for; one bad object is given up."""

from filterfleet.listener.core.patience import HIDING, LONGEST_PAUSE, TRIES, Misses, Patience
from filterfleet.listener.core.scan import Version


def test_the_pauses_of_an_outage_double_up_to_a_limit_and_nothing_is_given_up():
    patience, now, pauses = Patience(), 0.0, []
    for _ in range(10):
        assert patience.failed("a", now)
        pauses.append(patience.pause(now))
        now += pauses[-1]
        assert patience.pause(now) == 0
    assert pauses[:4] == [1, 2, 4, 8]
    assert pauses[-1] == LONGEST_PAUSE


def test_many_failures_at_once_are_one_outage():
    patience = Patience()
    for number in range(50):
        assert patience.failed(str(number), 0.0)
    assert patience.pause(0.0) == 1.0


def test_a_success_ends_the_pause_and_starts_the_next_one_short():
    patience = Patience()
    patience.failed("a", 0.0)
    patience.failed("a", 1.0)
    patience.succeeded("b")
    assert patience.pause(1.0) == 0
    patience.failed("a", 5.0)
    assert patience.pause(5.0) == 1.0


def test_one_bad_object_among_good_ones_is_given_up():
    patience, tries = Patience(), 1
    while patience.failed("bad", float(tries)):
        patience.succeeded("good")
        tries += 1
    assert tries == TRIES
    assert patience.failed("bad", 100.0), "its next life begins anew"


def test_what_has_to_end_by_itself_waits_no_longer_than_its_limit():
    patience = Patience(limit=60.0)
    assert patience.failed("a", 0.0)
    assert patience.failed("a", 59.0)
    assert not patience.failed("a", 60.0)


def test_what_is_listed_and_never_found_is_given_up_but_not_a_version_that_is_new():
    misses, old, new = Misses(), Version(1, 1), Version(2, 2)
    assert misses.missed("a", old, 0.0)
    assert misses.missed("a", old, HIDING / 2)
    assert misses.missed("a", new, HIDING)  # it changes all the time: somebody writes it
    assert misses.missed("a", new, 2 * HIDING - 1)
    assert not misses.missed("a", new, 2 * HIDING)
    assert misses.missed("a", new, 2 * HIDING)  # anew


def test_what_was_found_meanwhile_has_all_the_time_again():
    misses, version = Misses(), Version(1, 1)
    assert misses.missed("a", version, 0.0)
    misses.found("a")
    assert misses.missed("a", version, HIDING)
