"""When the next scan is due."""

import pytest

from filterfleet.listener.core.rhythm import SHARE, Rhythm

INTERVAL, LONG = 15.0, 30.0  # seconds


def test_a_long_scan_puts_off_the_next_one() -> None:
    rhythm = Rhythm(INTERVAL, 0.0)
    rhythm.begin(0.0)
    rhythm.end(LONG, unsettled=False)
    assert rhythm.wait(LONG) == SHARE * LONG
    rhythm.hint(LONG)
    assert rhythm.wait(LONG) == SHARE * LONG


def test_a_scan_that_nothing_has_to_wait_for_is_due_at_once_but_for_the_share() -> None:
    rhythm = Rhythm(INTERVAL, 0.0)
    rhythm.begin(0.0)
    rhythm.end(0.01, unsettled=False)
    rhythm.hasten(0.5)
    assert rhythm.wait(0.5) == 0
    rhythm.begin(0.5)
    rhythm.end(0.5 + LONG, unsettled=False)
    rhythm.hasten(0.5 + LONG)
    assert rhythm.wait(0.5 + LONG) == pytest.approx(SHARE * LONG)


def test_a_long_scan_that_failed_does_not() -> None:
    rhythm = Rhythm(INTERVAL, 0.0)
    rhythm.begin(0.0)
    rhythm.end(LONG, unsettled=False, failed=True)
    assert rhythm.wait(LONG) == INTERVAL
