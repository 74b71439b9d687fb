"""The queue of events: urgent ones first, none lost, none invented at the end."""

import functools
import threading
import time

import pytest

from filterfleet.listener.loop import Loop

DEADLINE = 60.0


def heard(loop, count):
    """The first events that come, in order."""
    events = []
    while len(events) < count:
        events += loop.events(DEADLINE)
    return events


def test_work_runs_on_another_thread_and_its_event_comes_here():
    loop = Loop()
    loop.do(loop.pool("work", 1), threading.get_ident)
    (there,) = heard(loop, 1)
    assert there != threading.get_ident()
    list(loop.stop())


def test_it_waits_no_longer_than_it_is_told():
    assert list(Loop().events(0.0)) == []


def test_events_gather_while_it_waits_for_them(monkeypatch):
    loop = Loop()
    loop.post("first")
    monkeypatch.setattr(time, "sleep", lambda seconds: loop.post(f"after {seconds:g} s"))
    assert list(loop.events(0.0, gather=0.01)) == ["first", "after 0.01 s"]
    loop.post("alone")
    assert list(loop.events(0.0)) == ["alone"]


def test_what_work_raises_is_raised_here():
    loop = Loop()
    loop.do(loop.pool("work", 1), functools.partial(int, "no number"))
    with pytest.raises(ValueError, match="no number"):
        heard(loop, 1)
    list(loop.stop())


def test_at_the_end_what_is_under_way_is_heard_and_nothing_begins():
    loop = Loop()
    pool, begun, go = loop.pool("work", 1), threading.Event(), threading.Event()

    def under_way():
        begun.set()
        assert go.wait(DEADLINE)
        return "under way"

    loop.do(pool, under_way)
    loop.do(pool, lambda: "in line")
    assert begun.wait(DEADLINE)
    threading.Timer(0.05, go.set).start()  # while stop() waits for it
    assert list(loop.stop()) == ["under way"]
    loop.do(pool, lambda: "too late")
    assert list(loop.events(0.0)) == []


def test_urgent_work_runs_before_all_that_was_asked_for_earlier():
    loop = Loop()
    pool, go = loop.pool("work", 1), threading.Event()
    loop.do(pool, functools.partial(go.wait, DEADLINE))
    for name in ("a", "b"):
        loop.do(pool, functools.partial(str, name))
    loop.do(pool, functools.partial(str, "urgent"), urgent=True)
    go.set()
    heard_in_order = heard(loop, 4)
    assert heard_in_order.index("urgent") <= heard_in_order.index("a") < heard_in_order.index("b")
    list(loop.stop())


def test_an_urgent_event_is_next_whatever_is_in_line():
    loop, events = Loop(), []
    for name in ("a", "b", "c"):
        loop.post(name)
    for event in loop.events(0.0):
        events.append(event)
        if event == "a":
            loop.post("urgent", urgent=True)
    events += loop.events(0.0)
    assert events == ["a", "urgent", "b", "c"]
