"""Clients submit more than the broker takes: real sockets, one slow worker, small caps."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from filterfleet.bench.flow import CountingSocket, Images, Tally
from filterfleet.bench.slow_worker import SlowWorker
from filterfleet.broker.service import BrokerService
from filterfleet.broker.settings import Settings
from filterfleet.common.client.client import Client
from filterfleet.common.client.settings import HOLD
from filterfleet.common.payload import Payload
from filterfleet.common.process.notify import Notifier
from filterfleet.common.process.ports import free_ports
from filterfleet.common.process.wakeup import Wakeup
from filterfleet.common.wire import Message, ResultOk, ResultOks
from filterfleet.common.wire.peer import Action, PeerSocket
from tests.integration.harness import LOOPBACK, wait_until

CAPS = Settings(tasks=500, held_bytes=64 << 20)
SLOTS = 4
SLOW = 20.0  # tasks a second


class Stop:
    """A StopSignal for a thread."""

    def __init__(self) -> None:
        self.is_set = False
        self._wakeup = Wakeup()
        self.fileno = self._wakeup.fileno
        self.close = self._wakeup.close

    def set(self) -> None:
        self.is_set = True
        self._wakeup.set()


class Fleet:
    """A broker with small caps and a slow worker, on threads."""

    def __init__(self) -> None:
        self.frontend, backend = free_ports()
        self._broker = BrokerService(LOOPBACK, self.frontend, backend, CAPS)
        self._worker = SlowWorker(backend, SLOTS, SLOW)
        self._stops = Stop(), Stop()
        self._threads = [threading.Thread(target=self._serve), threading.Thread(target=self._work)]
        for thread in self._threads:
            thread.start()

    def hurry(self) -> None:
        self._worker.rate = None

    def close(self) -> None:
        for stop, thread in zip(self._stops, self._threads, strict=True):
            stop.set()
            thread.join()
            stop.close()
        self._worker.close()

    def _serve(self) -> None:
        self._broker.run(self._stops[0], Notifier())

    def _work(self) -> None:
        while not self._worker.turn(self._stops[1].fileno()):
            pass


@pytest.fixture
def fleet() -> Iterator[Fleet]:
    with contextlib.closing(Fleet()) as fleet:
        yield fleet


def report(client: Client) -> dict:
    found = client.status().result(10)
    assert found["tasks"] <= CAPS.tasks
    assert found["held_bytes"] <= CAPS.held_bytes
    return found


@pytest.mark.slow
@pytest.mark.parametrize(("jobs", "size", "most_sent"), [(5000, 200, 2.0), (1000, 1 << 20, 1.2)])
def test_nothing_is_dropped_and_little_is_sent_twice(fleet: Fleet, jobs, size, most_sent):
    """A whole window of small images, 1024 at first, may be on its way before a refusal arrives."""
    images, socket = Images(size), CountingSocket()
    with Client(LOOPBACK, fleet.frontend, socket=lambda _keys: socket) as client:
        tally = Tally(client, images)
        for number in range(jobs):
            tally.submit(number)
        wait_until(lambda: report(client)["counters"].get("refused"), what="a full broker")
        fleet.hurry()
        wait_until(lambda: report(client) and tally.ended == jobs, patience=60, what="all outcomes")
        assert (tally.right, tally.wrong) == (jobs, 0)
        assert jobs * size <= socket.sent <= most_sent * jobs * size
        assert report(client)["counters"]["results"] == jobs


@pytest.mark.slow
def test_who_comes_to_a_full_broker_gets_on_beside_who_fills_it(fleet: Fleet):
    images = Images(200)
    with Client(LOOPBACK, fleet.frontend) as hog, Client(LOOPBACK, fleet.frontend) as other:
        of_hog, of_other = Tally(hog, images), Tally(other, images)
        for number in range(3000):
            of_hog.submit(number)
        wait_until(lambda: report(hog)["counters"].get("refused"), what="a full broker")
        for number in range(20):
            of_other.submit(number)
        wait_until(lambda: of_other.ended == 20, what="the other's outcomes")
        assert of_hog.ended < 500  # its batch is still under way
        fleet.hurry()
        wait_until(lambda: of_hog.right == 3000, patience=60, what="all outcomes")


class Story(PeerSocket):
    """Notes what the client sends and hears, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[type | str] = []

    def put(self, message: Message) -> None:
        self.lines.append(type(message))
        super().put(message)

    def receive(self, hear: Callable[[list[Payload]], list[Action]]) -> list[Action]:
        def noted(frames: list[Payload]) -> list[Action]:
            self.lines.append("heard")
            return hear(frames)

        return super().receive(noted)


@pytest.mark.parametrize("late", [0.0, 5 * HOLD])
def test_an_acknowledgement_does_not_wait_until_something_else_happens(fleet: Fleet, late):
    """Nobody wakes the client for one that follows an outcome at once. Without it, the next thing to come would be a
    heartbeat, of either side."""
    socket, images = Story(), Images(200)
    fleet.hurry()

    def next_line(number: int) -> type | str:
        outcome = client.submit(images.job(number)).result(20)
        before = len(socket.lines)
        time.sleep(late)
        client.acknowledge(outcome.id)
        wait_until(lambda: len(socket.lines) > before, what="an acknowledgement or a heartbeat")
        return socket.lines[before]

    with Client(LOOPBACK, fleet.frontend, socket=lambda _keys: socket) as client:
        assert client.wait_connected(20)
        assert any(next_line(number) in (ResultOk, ResultOks) for number in range(5))
