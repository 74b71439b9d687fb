"""A worker's process: a session with each broker, and threads that take simulated time."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial

from filterfleet.bench.analysis.model.broker import Broker
from filterfleet.bench.analysis.model.clock import Clock
from filterfleet.bench.analysis.model.machine import Machine
from filterfleet.bench.analysis.model.prices import Count, Parcel, Price, outcomes_in, parcel
from filterfleet.bench.analysis.model.process import Process
from filterfleet.broker.actions import Side
from filterfleet.common.wire import Message, encode
from filterfleet.common.wire.actions import Open, Send, Store
from filterfleet.common.wire.batches import batches
from filterfleet.common.wire.messages import INLINE_LIMIT
from filterfleet.worker.done import Done
from filterfleet.worker.leases.actions import Abandon, Action, Profile, Run, SendFrames
from filterfleet.worker.leases.runs import Key, Runs
from filterfleet.worker.leases.session import WorkerSession
from filterfleet.worker.leases.settings import PREFETCH

FILTERS = ("nothing",)
SPREAD = 1 / 3  # of the seconds around their mean, as for photographs of 1 to 2 megapixels
AT_ONCE = 1e-6  # seconds that stand for work that takes none


class Worker(Process):
    """One thread works on images, each for about this many seconds, and every image has the same outcome."""

    def __init__(
        self,
        clock: Clock,
        machine: Machine,
        price: Price,
        brokers: Sequence[Broker],
        image: float,
        outcome: Done,
        rng: random.Random,
    ) -> None:
        super().__init__(clock, machine, price)
        profile = Profile(1, PREFETCH, FILTERS, "host", "1", 1 << 40, shares=bool(outcome.left))
        self._brokers = brokers
        self._sessions = [WorkerSession(profile, rng) for _ in brokers]
        self._send: list[Callable[[Parcel], object]] = [lambda _: None for _ in brokers]
        self._runs = Runs(1)
        self._image = image
        self._outcome = outcome
        self._rng = rng
        self._actions: list[
            tuple[int, list[Action]]
        ] = []  # those that follow from the threads' work since the last turn

    def start(self) -> None:
        self._actions = [(n, session.start(self.clock.now)) for n, session in enumerate(self._sessions)]
        self.wake()

    def deadline(self) -> float:
        return min(session.deadline() for session in self._sessions)

    def react(self, inbox: list[tuple[int, Parcel]], count: Count) -> list[Callable[[], object]]:
        now = self.clock.now
        actions: dict[int, list[Action]] = {number: [] for number in range(len(self._sessions))}
        for number, done in self._actions:
            actions[number] += done
        self._actions = []
        for number, one in inbox:
            count.passes(one)
            actions[number] += self._sessions[number].on_message(one.frames, now)
        after: list[Callable[[], object]] = []
        for number, session in enumerate(self._sessions):
            if actions[number] or session.deadline() <= now:
                after += self._execute(number, [*actions[number], *session.on_tick(now)], count)
        return [*after, self._begin]

    def _execute(self, number: int, actions: list[Action], count: Count) -> list[Callable[[], object]]:
        messages: list[Message] = []
        after: list[Callable[[], object]] = []

        def flush() -> None:
            for batch in batches(messages, INLINE_LIMIT):
                post(parcel(encode(batch)))
            messages.clear()

        def post(one: Parcel) -> None:
            count.passes(one)
            after.append(partial(self._post, number, one))

        waiting = deque(actions)
        while waiting:
            match waiting.popleft():
                case Send(message):
                    messages.append(message)
                    count.tasks += outcomes_in(message)
                case SendFrames(frames):
                    flush()
                    post(parcel(list(frames)))
                case action:
                    waiting.extendleft(reversed(self._do(number, action)))
        flush()
        return after

    def _do(self, number: int, action: Action) -> list[Action]:
        """Carry out what sends nothing. Returns what follows at once."""
        match action:
            case Open(identity):
                self._send[number] = self._brokers[number].connect(
                    Side.BACKEND, identity, lambda one: self.arrive((number, one))
                )
            case Run() as run:
                self._runs.add((number, run.lease), run)
            case Abandon(lease):
                self._runs.drop((number, lease))
            case Store(blob, offset):
                return self._sessions[number].on_stored(blob, offset, self.clock.now)
        return []

    def _post(self, number: int, one: Parcel) -> None:
        self._send[number](one)

    def _begin(self) -> None:
        if self._image:
            if (begun := self._runs.next()) is not None:
                (number, lease), _ = begun
                self._actions.append((number, self._sessions[number].on_begun(lease, self.clock.now)))
                seconds = self._image * self._rng.uniform(1 - SPREAD, 1 + SPREAD)
                self.machine.spend(seconds, partial(self._ended, begun[0], seconds))
            return
        done: list[Key] = []
        while (begun := self._runs.next()) is not None:
            self._runs.ended(begun[0])
            done.append(begun[0])
        for number, lease in done:
            self._sessions[number].on_worked(1, AT_ONCE)
            self._actions.append((number, self._sessions[number].on_result(lease, self._outcome, self.clock.now)))

    def _ended(self, key: Key, seconds: float) -> None:
        number, lease = key
        self._runs.ended(key)
        self.busy += seconds
        session = self._sessions[number]
        session.on_worked(1, seconds)
        self._actions.append((number, session.on_result(lease, self._outcome, self.clock.now)))
        self.wake()
        self._begin()
