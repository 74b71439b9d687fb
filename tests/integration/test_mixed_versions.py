"""Peers that know columns, and peers of the version before them, at one broker: all work is done."""

from __future__ import annotations

import collections
import contextlib
import threading
from collections.abc import Callable, Iterator

import msgpack
import pytest

from filterfleet.bench import slow_worker
from filterfleet.bench.flow import Images, Tally
from filterfleet.bench.slow_worker import SlowWorker
from filterfleet.broker.service import BrokerService
from filterfleet.broker.settings import Settings
from filterfleet.common.client.client import Client
from filterfleet.common.process.notify import Notifier
from filterfleet.common.process.ports import free_ports
from filterfleet.common.wire import PPX
from filterfleet.common.wire.peer import PeerSocket
from tests.integration.harness import LOOPBACK, wait_until
from tests.integration.test_flow_control import Stop
from tests.simulation.versions import COLUMNS, as_before

JOBS = 3000
SMALL, LARGE = 200, 100_000  # bytes of an image; only small ones travel in columns

pytestmark = pytest.mark.slow


class Watched(PeerSocket):
    """Counts what it sends and hears."""

    def __init__(self, *args: object, **named: object) -> None:
        super().__init__(*args, **named)
        self.seen: collections.Counter[str] = collections.Counter()

    def passes(self, frames: list) -> list:
        if len(frames) > 2 and frames[1] == PPX:
            self.seen.update(item["type"] for item in msgpack.unpackb(frames[2]))
        return frames

    def send(self, message: list) -> None:
        super().send(self.passes(list(message)))

    def receive(self, hear: Callable) -> list:
        return super().receive(lambda frames: hear(self.passes(frames)))


class Before(Watched):
    """The socket of a peer of the version before columns. Its peer in turn meets a broker of that version."""

    def passes(self, frames: list) -> list:
        return super().passes(as_before(frames, "a peer"))


class Fleet:
    """A broker, and one worker for each of these sockets, on threads."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, workers: list[type[Watched]]) -> None:
        self.frontend, backend = free_ports()
        self.sockets = [kind(role="worker") for kind in workers]
        self._broker = BrokerService(LOOPBACK, self.frontend, backend, Settings())
        self._workers = []
        for socket in self.sockets:
            monkeypatch.setattr(slow_worker, "PeerSocket", lambda role, socket=socket: socket)
            self._workers.append(SlowWorker(backend, 4, None))
        self._stops = [Stop() for _ in range(1 + len(workers))]
        self._threads = [threading.Thread(target=self._broker.run, args=(self._stops[0], Notifier()))]
        for worker, stop in zip(self._workers, self._stops[1:], strict=True):
            self._threads.append(threading.Thread(target=self._work, args=(worker, stop)))
        for thread in self._threads:
            thread.start()

    @staticmethod
    def _work(worker: SlowWorker, stop: Stop) -> None:
        while not worker.turn(stop.fileno()):
            pass

    def close(self) -> None:
        for stop, thread in reversed([*zip(self._stops, self._threads, strict=True)]):
            stop.set()
            thread.join()
            stop.close()
        for worker in self._workers:
            worker.close()


@contextlib.contextmanager
def client(fleet: Fleet, kind: type[Watched]) -> Iterator[tuple[Client, Watched]]:
    sockets: list[Watched] = []

    def socket(keys: object) -> Watched:
        sockets.append(kind(keys))
        return sockets[0]

    with Client(LOOPBACK, fleet.frontend, socket=socket) as found:
        yield found, sockets[0]


@pytest.mark.parametrize(
    ("workers", "clients"),
    [([Before], [Watched]), ([Watched], [Before]), ([Before, Watched], [Before, Watched])],
    ids=["an old worker", "an old client", "both of each"],
)
def test_all_work_is_done_and_nobody_is_sent_what_it_does_not_know(monkeypatch, workers, clients):
    with contextlib.closing(Fleet(monkeypatch, workers)) as fleet, contextlib.ExitStack() as stack:
        small, large = Images(SMALL), Images(LARGE)
        met = [stack.enter_context(client(fleet, kind)) for kind in clients]
        tallies = [Tally(one, images) for one, _ in met for images in (small, large)]
        for number in range(JOBS):
            for offset, tally in enumerate(tallies):
                if offset % 2 == 0 or number % 30 == 0:  # a job of each client has another id
                    tally.submit(number + offset * JOBS)
        jobs = JOBS + JOBS // 30
        wait_until(lambda: sum(t.ended for t in tallies) == jobs * len(met), patience=60, what="all outcomes")
        assert all(tally.wrong == 0 for tally in tallies)
        counters = met[0][0].status().result(10)["counters"]
        assert counters["results"] == jobs * len(met)
        assert "malformed" not in counters
        for socket in (*fleet.sockets, *(socket for _, socket in met)):
            assert bool(socket.seen.keys() & COLUMNS) == (type(socket) is Watched)
