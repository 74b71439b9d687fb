"""What is to happen later, and what is forgotten of it."""

from filterfleet.broker.timers import SPARE, Timers


def noted():
    said = []
    return said, lambda subject, now: said.append((subject, now))


def test_what_is_due_happens_in_order_and_once():
    timers, (said, handler) = Timers(), noted()
    for when, subject in ((3.0, "c"), (1.0, "a"), (2.0, "b")):
        timers.at(when, handler, subject)
    assert timers.next == 1.0
    timers.run(2.5)
    timers.run(2.6)
    assert said == [("a", 2.5), ("b", 2.5)]
    assert (len(timers), timers.next) == (1, 3.0)


def test_a_later_instant_takes_the_place_of_the_one_before():
    timers, (said, handler) = Timers(), noted()
    timers.at(1.0, handler, "a")
    timers.at(2.0, handler, "a")
    timers.run(1.5)
    assert said == []
    timers.run(2.0)
    assert said == [("a", 2.0)]


def test_a_handler_may_come_again_and_forget_others():
    timers, (said, handler) = Timers(), noted()

    def first(_subject, now):
        timers.at(now, handler, "first")
        timers.forget("second")

    timers.at(1.0, first, "first")
    timers.at(1.0, handler, "second")
    timers.run(1.0)
    assert said == []
    timers.run(1.0)
    assert said == [("first", 1.0)]
    assert len(timers) == 0


def test_what_is_forgotten_takes_no_memory():
    timers, (said, handler) = Timers(), noted()
    timers.at(9.0, handler, "stays")
    for number in range(10 * SPARE):
        timers.at(9.0, handler, number)
        timers.forget(number)
    assert len(timers) == 1
    assert len(timers._heap) <= SPARE + 3
    timers.run(9.0)
    assert said == [("stays", 9.0)]
