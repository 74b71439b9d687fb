"""What the dashboard is made of: rates, the feed, what the broker's silence means, pictures of the fleet."""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import Future
from urllib.parse import quote

import pytest
from starlette.requests import Request

from filterfleet.common.errors import FleetError
from filterfleet.dashboard import broker as broker_module
from filterfleet.dashboard.answers import query_of
from filterfleet.dashboard.broker import BrokerWatch, Sight
from filterfleet.dashboard.feed import Feed, FullError
from filterfleet.dashboard.picture import Ledgered, Listening, picture
from filterfleet.dashboard.rates import Finished, Rates, rates_of, seconds_left
from filterfleet.dashboard.settings import RECENT, STREAMS

# --- rates ----


def test_a_query_keeps_bytes_that_are_not_utf_8_as_the_ledger_does():
    path = os.fsdecode(b"a+b &\xff.jpg") + "\u00fc"
    query = f"id={quote(os.fsencode(path))}&text=a+b&empty=&text=%c3%bc"
    asked = Request({"type": "http", "query_string": query.encode(), "headers": []})
    assert query_of(asked) == {"id": path, "text": "\u00fc", "empty": ""}


def test_the_rate_is_that_of_the_last_minute():
    finished = [Finished("a", 100.0), Finished("b", 90.0), Finished("a", 41.0), Finished("a", 39.0)]
    assert rates_of(finished, 100.0) == Rates(3.0, {"a": 2.0, "b": 1.0})
    assert rates_of([], 100.0) == Rates(0.0, {})


def test_a_fast_fleet_is_judged_by_the_images_that_are_known():
    finished = [Finished("a", 1000.0 - n / 100) for n in range(RECENT)]
    assert rates_of(finished, 1000.0).total == pytest.approx(6000, rel=0.01)


def test_time_left():
    assert seconds_left(0, 0.0) == 0.0
    assert seconds_left(10, 0.0) is None
    assert seconds_left(412, 412.0) == 60.0


# --- the feed ----


def test_pictures_are_taken_only_while_somebody_looks(monkeypatch):
    monkeypatch.setattr("filterfleet.dashboard.feed.LOOK", 0.01)
    monkeypatch.setattr("filterfleet.dashboard.feed.LINGER", 0.05)
    taken, rested = [], []

    async def take() -> bytes:
        taken.append(b"%d" % len(taken))
        if len(taken) == 2:
            raise ValueError("a bug costs one picture")
        return taken[-1]

    async def rest() -> None:
        rested.append(len(taken))

    async def look() -> None:
        feed = Feed(take, rest)
        assert taken == []
        async with feed.viewer() as one, feed.viewer() as other:
            assert await one.next() == await other.next() == b"0"
            assert await one.next() == b"2"
            assert await feed.picture() in taken
        async with asyncio.timeout(20):
            while not rested:
                await asyncio.sleep(0.01)
        before = len(taken)
        assert await feed.picture() == b"%d" % before
        await feed.close()
        with pytest.raises(FullError):
            await feed.picture()

    asyncio.run(look())


def test_the_feed_is_bounded_and_its_streams_end_with_it():
    async def nothing() -> bytes:
        return b""

    async def rest() -> None:
        pass

    async def look() -> None:
        feed = Feed(nothing, rest)
        contexts = [feed.viewer() for _ in range(STREAMS)]
        viewers = [await context.__aenter__() for context in contexts]
        with pytest.raises(FullError):
            async with feed.viewer():
                pass
        feed.end()
        assert {await viewer.next() for viewer in viewers} == {None}
        await feed.close()

    asyncio.run(look())


# --- the broker ----


class Client:
    """Answers what it is told to, as the client of a broker does: in order."""

    def __init__(self) -> None:
        self.asked: list[Future] = []
        self.refusal: str | None = None
        self.closed = False

    def status(self) -> Future:
        self.asked.append(Future())
        return self.asked[-1]

    def close(self) -> None:
        self.closed = True


def test_a_silent_broker_and_one_that_is_back(monkeypatch):
    monkeypatch.setattr(broker_module, "SHORT", 0.01)
    monkeypatch.setattr(broker_module, "PATIENCE", 0.02)
    monkeypatch.setattr(broker_module, "AGAIN", 0.0)
    client = Client()

    async def look() -> None:
        watch = BrokerWatch(lambda: client)
        silent = await watch.look()
        assert not silent.answers
        assert silent.report is None
        assert silent.silent_since is not None
        await watch.look()
        assert len(client.asked) == 2, "the question may have been lost"
        client.asked[0].set_result({"tasks": 1})
        assert (await watch.look()).report == {"tasks": 1}
        client.asked[1].set_result({"tasks": 2})
        heard = await watch.look()
        assert heard.answers
        gone = await watch.look()
        assert (gone.report, gone.silent_since) == ({"tasks": 2}, heard.heard_at), "what was known stays"
        client.refusal = "It wants keys."
        assert (await watch.look()).refusal == "It wants keys."
        await watch.rest()
        assert client.closed

    asyncio.run(look())


def test_keys_that_cannot_be_used_are_said():
    def refuse() -> Client:
        raise FleetError("There are no keys in k.")

    sight = asyncio.run(BrokerWatch(refuse).look())
    assert sight.refusal == "There are no keys in k."


# --- pictures ----

LEDGERED = Ledgered(
    counts={"pending": 30, "done": 5, "failed": 1, "skipped": 0},
    left_alone=2,
    paused=None,
    rates=Rates(60.0, {"here/1": 60.0}),
    sources=["/in"],
    newest={"done": 99.0, "failed": None},
    paths={"aa": "a.jpg"},
)
WORKER = {"host": "here/1", "version": "1", "threads": 1, "slots": 4, "leases": 2, "draining": False, "name": "",
          "address": "192.0.2.1", "since": 5.0}  # fmt: skip
REPORT = {
    "tasks": 3,
    "workers": [{**WORKER, "host": "there/2"}, WORKER],
    "leases": [
        {"job": "aa", "worker": 1, "seconds": 1.5, "begun": True},
        {"job": "bb", "worker": 1, "seconds": 0.5, "begun": False},
    ],
    "gone": [
        {**WORKER, "host": "here/0", "how": "lost", "ago": 9.0},
        {**WORKER, "host": "old/0", "how": "left", "ago": 900.0},
    ],
    "waits": [],
}  # fmt: skip


def test_a_picture_says_who_runs_what():
    shown = picture(100.0, LEDGERED, None, Listening(running=True), Sight(REPORT, 100.0), {"output": "/out"})
    assert [worker["host"] for worker in shown["workers"]] == ["here", "there", "here"]
    one, other, gone = shown["workers"]
    assert [(job["id"], job["path"], job["begun"]) for job in one["jobs"]] == [("aa", "a.jpg", True), ("bb", "", False)]
    assert (one["rate"], other["jobs"], gone["gone"], gone["how"]) == (60.0, [], 91.0, "lost")
    assert (shown["ledger"]["rate"], shown["ledger"]["left"]) == (60.0, 30.0)
    assert shown["broker"]["answers"] is True


def test_a_picture_of_nothing():
    shown = picture(100.0, None, "There is no ledger.", Listening(), Sight(), {"output": ""})
    assert (shown["ledger"], shown["trouble"], shown["workers"]) == (None, "There is no ledger.", [])
    assert shown["broker"]["asked"] is False


def test_a_broker_of_another_version_says_less():
    report = {"workers": [{"host": "(basic peer)", "leases": 1}], "tasks": 1}
    shown = picture(1.0, LEDGERED, None, Listening(), Sight(report, 1.0), {"output": ""})
    assert [(worker["host"], worker["threads"]) for worker in shown["workers"]] == [("(basic peer)", None)]


def test_a_worker_runs_what_it_has_begun_and_then_the_oldest():
    leases = [
        {"job": "old", "worker": 0, "seconds": 5.0, "begun": False},
        {"job": "middle", "worker": 0, "seconds": 4.0, "begun": True},
        {"job": "new", "worker": 0, "seconds": 3.0, "begun": False},
    ]
    report = {"workers": [{**WORKER, "threads": 2}], "leases": leases}
    (worker,) = picture(1.0, LEDGERED, None, Listening(), Sight(report, 1.0), {"output": ""})["workers"]
    assert [(job["id"], job["begun"]) for job in worker["jobs"]] == [("middle", True), ("old", True), ("new", False)]


def test_questions_that_were_lost_do_not_hold_up_later_ones(monkeypatch):
    monkeypatch.setattr(broker_module, "SHORT", 0.01)
    monkeypatch.setattr(broker_module, "AGAIN", 0.0)
    client = Client()

    async def look() -> None:
        watch = BrokerWatch(lambda: client)
        for _ in range(3):
            await watch.look()
        monkeypatch.setattr(broker_module, "AGAIN", 3600.0)
        for number in range(5):  # each answer goes to the oldest question
            client.asked[number].set_result({"tasks": number})
            asked = len(client.asked)
            assert (await watch.look()).report == {"tasks": number}
            assert len(client.asked) == asked + bool(number)

    asyncio.run(look())
