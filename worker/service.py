"""The worker process: this thread owns the sockets and the sessions, and other threads run the images.

It works for all of its brokers at once, and its threads take the images as they come. When a broker dies, the others
know the worker already.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence

import zmq

from filterfleet.common.keys.folders import PeerKeys
from filterfleet.common.logs import get_logger
from filterfleet.common.metrics.families import Family
from filterfleet.common.metrics.telling import Teller
from filterfleet.common.process.notify import Notifier
from filterfleet.common.process.wakeup import StopSignal, Wakeup
from filterfleet.common.wire.frames import poll
from filterfleet.common.wire.peer import PeerSocket
from filterfleet.common.words import of_worker
from filterfleet.worker.leases.actions import Profile
from filterfleet.worker.leases.connection import BrokerConnection
from filterfleet.worker.leases.settings import HEAR_OUT, LARGEST_FRAME, LAST_WORDS
from filterfleet.worker.leases.threads import ImageThreads
from filterfleet.worker.metrics import Tally, worker_families
from filterfleet.worker.pixels.opencv import prepare_process
from filterfleet.worker.resources import Resources
from filterfleet.worker.settings import STUCK_EXIT
from filterfleet.worker.shares import ByValue, Shares

log = get_logger("worker")


class WorkerService:
    """backends are the ZeroMQ addresses of the brokers' backends. keys are for brokers that have keys.

    drain_limit is how many seconds the worker may take, once it is told to stop, to finish what is leased. With more, a
    long image is finished; with fewer, the worker ends sooner and hands more tasks back. resolve turns a backend into
    the address to connect to, each time that a connection is opened.
    """

    def __init__(
        self,
        backends: Sequence[str],
        profile: Profile,
        resources: Resources,
        drain_limit: float,
        keys: PeerKeys | None = None,
        resolve: Callable[[str], str] = str,
        shares: Shares | None = None,
    ) -> None:
        prepare_process()
        self._drain_limit = drain_limit
        self._profile = profile
        self._memory = resources.memory
        self._tally = Tally()
        self._wakeup = Wakeup()
        self._context = zmq.Context()
        self._threads = ImageThreads(profile.threads, resources, self._wakeup, shares)
        self._profile = profile
        self._brokers = [
            BrokerConnection(
                number,
                backend,
                PeerSocket(keys, LARGEST_FRAME, "worker", self._context),
                profile,
                self._threads,
                resolve,
            )
            for number, backend in enumerate(backends)
        ]
        log.info("worker started", worker=profile.host, brokers=list(backends), threads=profile.threads)

    def run(self, stop: StopSignal, notifier: Notifier) -> None:
        """Work until told to stop, then finish what is leased. A second signal, or the drain limit, hands it back."""
        for broker in self._brokers:
            broker.start()
        notifier.ready()
        teller = Teller(notifier)
        drain_until = float("inf")
        while drain_until == float("inf") or not all(broker.session.idle for broker in self._brokers):
            self._wait(stop)
            notifier.alive()
            teller.turn(self._families)
            notifier.status(lambda: self._status(draining=stop.is_set))
            now = time.monotonic()
            if stop.is_set and drain_until == float("inf"):
                notifier.stopping()
                drain_until = now + self._drain_limit
                for broker in self._brokers:
                    broker.drain()
            if stop.count > 1 or drain_until <= now:
                log.warning("handing tasks back")
                for broker in self._brokers:
                    broker.hand_back()
                break
            self._turn()
            if self._threads.stuck(now):
                log.error("a task does not end: giving this process up", exit_code=STUCK_EXIT)
                os._exit(STUCK_EXIT)
        self._hear_out()
        self.close()
        log.info("worker stopped")

    def _status(self, *, draining: bool) -> str:
        contacts = [broker.contact for broker in self._brokers]
        busy, outcomes = len(self._threads.begun()), self._tally.outcomes
        done, failed = outcomes["done"], outcomes["permanent"] + outcomes["transient"]
        return of_worker(contacts, busy, self._profile.threads, int(done), int(failed), draining=draining)

    def close(self) -> None:
        self._threads.close()
        for broker in self._brokers:
            broker.close()
        self._context.term()

    def _hear_out(self) -> None:
        """Answer what was on its way when we said that we leave. The broker would miss a task that nobody hands back
        only when it misses us. And a connection that is closed with unread data in it is reset (RFC 1122, 4.2.2.13), so
        that the broker could lose our last messages."""
        until = time.monotonic() + HEAR_OUT
        while time.monotonic() < until and poll(self._poller(), LAST_WORDS):
            self._turn()

    def _poller(self) -> zmq.Poller:
        poller = zmq.Poller()
        for broker in self._brokers:
            poller.register(broker.socket.pollable, zmq.POLLIN)
        return poller

    def _wait(self, stop: StopSignal) -> None:
        poller = self._poller()
        poller.register(self._wakeup.fileno(), zmq.POLLIN)
        poller.register(stop.fileno(), zmq.POLLIN)
        ready = poll(poller, min(broker.deadline() for broker in self._brokers) - time.monotonic())
        for signal in (self._wakeup, stop):
            if signal.fileno() in ready:
                signal.clear()

    def _families(self) -> list[Family]:
        connected = sum(broker.contact.connected for broker in self._brokers)
        return worker_families(self._tally, self._profile.threads, len(self._threads.begun()), self._memory, connected)

    def _turn(self) -> None:
        begun = self._threads.begun()
        for (number, lease), since in begun.items():
            self._brokers[number].begun(lease, since)
        while self._threads.outcomes:
            (number, lease), outcome, seconds = self._threads.outcomes.popleft()
            self._tally.count(outcome, seconds)
            if not isinstance(outcome, ByValue):  # that was no work
                self._brokers[number].worked(1, seconds)
            self._brokers[number].ended(lease, outcome)
        for broker in self._brokers:
            broker.turn()
        self._threads.told(begun)
