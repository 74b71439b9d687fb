"""Columns and held acknowledgements at the client: what travels together, and what does not."""

import pytest

from filterfleet.common.client.actions import Deliver, Tell
from filterfleet.common.client.settings import FIRST_JOBS, HOLD
from filterfleet.common.jobs.job import Job
from filterfleet.common.wire import (
    ROWS_LIMIT,
    Accepteds,
    Column,
    Failed,
    OutputFile,
    Result,
    ResultOks,
    Results,
    Submits,
)
from filterfleet.common.wire.actions import Send
from filterfleet.common.wire.columns import JOINED
from filterfleet.common.wire.messages import BLOB_LIMIT
from tests.unit.client_rig import HELLO, MODERN_HELLO, OTHER_HELLO, Client, delivered


@pytest.fixture
def client():
    """One that has met a broker."""
    client = Client()
    client.hears(HELLO)
    return client


@pytest.fixture
def modern():
    """One that has met a broker that knows columns."""
    client = Client()
    client.hears(MODERN_HELLO)
    return client


def small(*names, size=1, **fields):
    return [Job(name, b"recipe", ("canny",), size, (name[:1] * size,), 5, **fields) for name in names]


def begin(client, *jobs):
    for job in jobs:
        client.core.submit(job)
    return [action.message for action in client.core.on_tick(0.0)]


def test_jobs_that_differ_in_nothing_but_their_images_travel_in_columns(modern):
    sizes = {b"a": 1, b"b": 2, b"c": 0}
    (message,) = begin(modern, *(small(name, size=size)[0] for name, size in sizes.items()))
    assert message == Submits((b"a", b"b", b"c"), b"recipe", ("canny",), 5, (1, 2, 0), (b"abb",), (), BLOB_LIMIT)


def test_an_old_broker_gets_one_message_for_each_job(client):
    assert [message.id for message in begin(client, *small(b"a", b"b"))] == [b"a", b"b"]


def test_other_jobs_keep_their_place_between_the_columns(modern):
    large, pulled = *small(b"L", size=JOINED + 1), Job(b"P", b"recipe", ("canny",), 9, (), 5)
    named = small(b"n", b"m", outputs=("edges",))
    found = begin(modern, *small(b"a", b"b"), large, pulled, *small(b"c"), *named, *small(b"d", b"e"))
    assert [getattr(message, "ids", None) or message.id for message in found] == [
        *((b"a", b"b"), b"L", b"P", b"c", (b"n", b"m"), (b"d", b"e"))
    ]
    assert [message.largest for message in found if isinstance(message, Submits)] == [BLOB_LIMIT, 1 << 30, BLOB_LIMIT]


def test_a_message_has_no_more_rows_than_the_wire_allows(modern):
    names = [b"%d" % number for number in range(FIRST_JOBS)]
    begin(modern, *small(*names))
    modern.hears(Accepteds(tuple(names)))  # which opens the window
    found = begin(modern, *small(*(b"more %d" % number for number in range(ROWS_LIMIT + 2))))
    assert [len(message.ids) for message in found] == [ROWS_LIMIT, 2]


def test_results_in_columns_are_delivered_one_by_one(modern):
    begin(modern, *small(b"a", b"b"))
    modern.hears(Accepteds((b"a", b"b")))
    results = Results((b"a", b"b"), (Column("edges", "png"),), (1, 2), {"width": [3, 4]}, (b"xyz",))
    assert delivered(modern.hears(results)) == [
        Deliver(b"a", Result(b"a", (OutputFile("edges", "png", 1),), {"width": 3}, (b"x",))),
        Deliver(b"b", Result(b"b", (OutputFile("edges", "png", 2),), {"width": 4}, (b"yz",))),
    ]


def test_acknowledgements_wait_a_moment_and_travel_together(modern):
    begin(modern, *small(b"a", b"b"))
    modern.hears(*(Failed(name, "permanent", "No.") for name in (b"a", b"b")))
    assert modern.acknowledge(b"a") == []
    assert modern.acknowledge(b"b", HOLD / 2) == []
    assert modern.core.deadline() == HOLD
    assert modern.core.on_tick(HOLD) == [Send(ResultOks((b"a", b"b")))]
    assert modern.core.on_tick(2 * HOLD) == []


def test_acknowledgements_go_with_jobs_and_before_them(modern):
    """The job may be one that was acknowledged, and the broker may not forget the new one."""
    begin(modern, *small(b"a"))
    modern.hears(Failed(b"a", "permanent", "No."))
    modern.acknowledge(b"a")
    assert [type(message) for message in begin(modern, *small(b"a", b"b"))] == [ResultOks, Submits]


def test_acknowledgements_are_sent_before_the_application_leaves(modern):
    begin(modern, *small(b"a"))
    modern.hears(Failed(b"a", "permanent", "No."))
    modern.acknowledge(b"a")
    assert modern.core.flush() == [Send(ResultOks((b"a",)))]


def test_acknowledgements_are_not_told_to_a_broker_that_holds_nothing(modern):
    begin(modern, *small(b"a"))
    modern.hears(Failed(b"a", "permanent", "No."))
    modern.acknowledge(b"a")
    assert modern.hears(OTHER_HELLO) == [Tell(OTHER_HELLO)]
    assert modern.core.on_tick(HOLD) == []


def test_a_job_that_is_missing_among_the_accepted_ones_was_lost(modern):
    begin(modern, *small(b"a", b"b", b"c", b"d"))
    actions = modern.hears(Accepteds((b"a", b"c", b"d")))
    assert [action.message.id for action in actions if isinstance(action, Send)] == [b"b"]
    assert modern.hears(Accepteds((b"b", b"a", b"unknown"))) == []


def test_jobs_that_were_accepted_together_open_the_window_for_as_many(modern):
    names = [b"%d" % number for number in range(3 * FIRST_JOBS)]
    first = begin(modern, *small(*names))
    assert sum(len(message.ids) for message in first) == FIRST_JOBS
    (second,) = {
        sum(len(action.message.ids) for action in modern.hears(*(Accepteds(message.ids) for message in first)))
    }
    assert second == 2 * FIRST_JOBS


def test_results_in_columns_are_held_against_the_jobs_outputs(modern):
    begin(modern, *small(b"a", outputs=("edges",)), *small(b"b", outputs=("gray",)), *small(b"c"))
    results = Results((b"a", b"b", b"c"), (Column("edges", "png"),), (1, 1, 1), {}, (b"xyz",))
    outcomes = {action.job: action.outcome for action in delivered(modern.hears(results))}
    assert outcomes[b"a"].payload == (b"x",)
    assert outcomes[b"b"] == Failed(b"b", "transient", "The worker's outputs are not those of the recipe.")
    assert outcomes[b"c"].payload == (b"z",)


def test_results_in_columns_of_an_unknown_format_are_failures(modern):
    begin(modern, *small(b"a", outputs=("edges",)))
    results = Results((b"a",), (Column("edges", "exe"),), (1,), {}, (b"x",))
    assert [action.outcome.kind for action in delivered(modern.hears(results))] == ["transient"]
