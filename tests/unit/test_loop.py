"""One thread decides; what others say and what is due comes in its turn."""

import functools
import threading
import time

from filterfleet.listener.loop import Loop


def test_what_others_say_is_called_here():
    loop, threads = Loop(), []
    pool = loop.pool("work", 1)
    loop.do(pool, threading.get_ident, lambda future: threads.extend((future.result(), threading.get_ident())))
    while not threads:
        loop.turn(1.0)
    assert threads[0] != threads[1] == threading.get_ident()
    loop.stop()


def test_what_is_for_later_never_happens_in_the_turn_that_asks_for_it():
    loop, order = Loop(), []

    def ask():
        order.append("asked")
        loop.later(0.0, functools.partial(order.append, "later"))

    loop.post(ask)
    loop.turn(1.0)
    assert order == ["asked"]
    loop.turn(1.0)
    assert order == ["asked", "later"]


def test_it_sleeps_no_longer_than_until_something_is_due():
    loop, done = Loop(), threading.Event()
    loop.later(0.02, done.set)
    began = time.monotonic()
    while not done.is_set():
        loop.turn(60.0)
    assert time.monotonic() - began < 30.0


def test_at_the_end_what_is_under_way_is_heard_and_nothing_begins():
    loop, heard = Loop(), []
    pool, go = loop.pool("work", 1), threading.Event()
    loop.do(pool, functools.partial(go.wait, 10), lambda _: heard.append("under way"))
    loop.do(pool, lambda: None, lambda _: heard.append("in line"))
    loop.post(go.set)
    loop.turn(1.0)
    loop.stop()
    loop.do(pool, lambda: None, lambda _: heard.append("too late"))
    loop.turn(0.0)
    assert heard[0] == "under way"
    assert "too late" not in heard


def test_what_is_urgent_is_done_before_all_that_was_asked_for_earlier():
    loop, done = Loop(), []
    pool, go = loop.pool("work", 1), threading.Event()
    loop.do(pool, functools.partial(go.wait, 10), lambda _: None)
    for name in ("a", "b"):
        loop.do(pool, functools.partial(done.append, name), lambda _: None)
    loop.do(pool, functools.partial(done.append, "urgent"), lambda _: None, urgent=True)
    go.set()
    while len(done) < 3:
        loop.turn(1.0)
    assert done == ["urgent", "a", "b"]
    loop.stop()


def test_an_urgent_event_is_next_whatever_is_in_line():
    loop, heard = Loop(), []
    loop.post(lambda: (heard.append("first"), loop.post(functools.partial(heard.append, "urgent"), urgent=True)))
    for name in ("a", "b"):
        loop.post(functools.partial(heard.append, name))
    loop.turn(1.0)
    loop.turn(0.0)
    assert heard == ["first", "urgent", "a", "b"]
