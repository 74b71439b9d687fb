"""Which broker a peer's next socket goes to, and when."""

from filterfleet.common.wire.link import Link
from filterfleet.common.wire.liveness import HEARTBEAT_INTERVAL, MISSED_BEATS

PATIENCE = HEARTBEAT_INTERVAL * MISSED_BEATS


def openings(link, number):
    """When and to which broker the next sockets are opened, while none of them answers."""
    found = []
    now = 0.0
    while len(found) < number:
        link.opened(now)
        now += PATIENCE
        assert link.silent(now)
        link.breaks(now)
        now = link.deadline
        assert link.reopens(now)
        found.append((now, link.broker))
    return found


def test_every_broker_is_tried_before_each_pause_and_pauses_double():
    pauses = [(0, 1), (0, 2), (1, 0), (0, 1), (0, 2), (2, 0), (0, 1), (0, 2), (4, 0)]
    expected, now = [], 0.0
    for pause, broker in pauses:
        now += PATIENCE + pause
        expected.append((now, broker))
    assert openings(Link(3), len(pauses)) == expected


def test_a_broker_that_was_heard_and_dies_is_left_for_the_next_one_at_once():
    link = Link(2)
    ((when, broker),) = openings(link, 1)
    link.opened(when)
    link.heard(when)
    link.breaks(when + PATIENCE)
    assert (broker, link.broker) == (1, 0)
    assert link.reopens(when + PATIENCE)


def test_a_single_broker_is_only_met_again_after_a_pause():
    assert openings(Link(), 3) == [(PATIENCE + 1, 0), (2 * PATIENCE + 3, 0), (3 * PATIENCE + 7, 0)]
