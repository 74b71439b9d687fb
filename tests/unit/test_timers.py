"""Alarms come when they are due, and leave nothing behind when they are forgotten."""

import math

from filterfleet.broker.timers import SPARE, Alarm, Timers

RETRY, RESEND = Alarm.RETRY, Alarm.RESEND


def test_alarms_come_in_order_and_once():
    timers = Timers()
    for when, subject in ((3.0, "c"), (1.0, "a"), (2.0, "b")):
        timers.at(when, RETRY, subject)
    assert timers.next == 1.0
    assert list(timers.due(2.5)) == [(RETRY, "a"), (RETRY, "b")]
    assert list(timers.due(2.6)) == []
    assert (len(timers), timers.next) == (1, 3.0)


def test_an_alarm_of_a_line_that_is_set_again_moves_to_its_end():
    timers = Timers()
    timers.at(1.0, RESEND, "a", "b")
    timers.at(2.0, RESEND, "a", "c")
    assert list(timers.due(1.0)) == [(RESEND, "b")]
    assert timers.next == 2.0
    timers.forget("a")
    assert list(timers.due(9.0)) == [(RESEND, "c")]
    assert timers.next == math.inf


def test_a_later_instant_takes_the_place_of_the_one_before():
    timers = Timers()
    timers.at(1.0, RETRY, "a")
    timers.at(2.0, RETRY, "a")
    assert list(timers.due(1.5)) == []
    assert list(timers.due(2.0)) == [(RETRY, "a")]


def test_alarms_of_two_kinds_do_not_replace_each_other():
    timers = Timers()
    timers.at(1.0, RETRY, "a")
    timers.at(2.0, RESEND, "a")
    assert list(timers.due(2.0)) == [(RETRY, "a"), (RESEND, "a")]


def test_between_two_alarms_others_may_be_set_and_forgotten():
    timers, came = Timers(), []
    timers.at(1.0, RETRY, "first")
    timers.at(1.0, RETRY, "second")
    for alarm, subject in timers.due(1.0):
        came.append((alarm, subject))
        timers.at(1.0, RESEND, "first")
        timers.forget("second")
    assert came == [(RETRY, "first")]
    assert list(timers.due(1.0)) == [(RESEND, "first")]
    assert len(timers) == 0


def test_what_is_forgotten_takes_no_memory():
    timers = Timers()
    timers.at(9.0, RETRY, "stays")
    for number in range(10 * SPARE):
        timers.at(9.0, RETRY, number)
        timers.forget(number)
    assert len(timers) == 1
    assert len(timers._queues[RETRY]._heap) <= SPARE + 3
    assert list(timers.due(9.0)) == [(RETRY, "stays")]
