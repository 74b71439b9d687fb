"""When the next scan is due."""

from filterfleet.listener.core.rhythm import SHARE, Rhythm

INTERVAL, LONG = 15.0, 30.0  # seconds


def test_a_long_scan_puts_off_the_next_one() -> None:
    rhythm = Rhythm(INTERVAL, 0.0)
    rhythm.begin(0.0)
    rhythm.end(LONG, unsettled=False)
    assert rhythm.wait(LONG) == SHARE * LONG
    rhythm.hint(LONG)
    assert rhythm.wait(LONG) == SHARE * LONG


def test_a_long_scan_that_failed_does_not() -> None:
    rhythm = Rhythm(INTERVAL, 0.0)
    rhythm.begin(0.0)
    rhythm.end(LONG, unsettled=False, failed=True)
    assert rhythm.wait(LONG) == INTERVAL
