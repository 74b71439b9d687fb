"""The broker's books balance after any sequence of valid messages, even from peers that lie."""

import random

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from filterfleet.broker.actions import Send, Side
from filterfleet.broker.core import BrokerCore
from filterfleet.broker.settings import Settings
from filterfleet.broker.state import TaskState
from filterfleet.common.wire import (
    Beat,
    Cancel,
    Credit,
    Drain,
    Failed,
    Get,
    Nack,
    OutputFile,
    Result,
    ResultOk,
    Submit,
    Task,
    encode,
)
from tests.property.messages import client_messages, worker_messages

CLIENTS = (b"fx1|anna", b"fx1|berta", b"basic-client")
WORKERS = (b"fx1|one", b"fx1|two", b"basic-worker")
SETTINGS = Settings(tasks=6, held_bytes=600, result_bytes=300, task_timeout=5.0, opaque_life=8.0, calm=2.0)
jobs = st.sampled_from((b"1", b"2", b"3"))
OUTPUTS = (OutputFile("edges", "png", 3),)


class Broker(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.now = 100.0
        self.core = BrokerCore(SETTINGS, random.Random(0), self.now)
        self.tokens = []  # every lease ever granted, with its worker
        self.outcomes = 0

    def _step(self, side, peer, frames):
        self._see(self.core.on_message(side, peer, frames, self.now))
        self._see(self.core.on_tick(self.now))

    def _see(self, actions):
        for action in actions:
            if isinstance(action, Send) and isinstance(action.message, Task):
                self.tokens.append((action.peer, action.message.id))

    @rule(seconds=st.sampled_from((0.1, 1.0, 2.5, 5.0)))
    def time_passes(self, seconds):
        self.now += seconds
        self._see(self.core.on_tick(self.now))
        assert self.core.deadline() > self.now

    @rule(peer=st.sampled_from(WORKERS[:2]), slots=st.integers(0, 3))
    def a_worker_comes(self, peer, slots):
        self._step(Side.BACKEND, peer, encode([Credit(slots, 1, ("canny",), "host", "1")]))

    @rule(ready=st.sampled_from((b"\x01", b"\x02")), peer=st.sampled_from(WORKERS))
    def a_worker_speaks_rfc(self, ready, peer):
        self._step(Side.BACKEND, peer, [ready])

    @rule(peer=st.sampled_from(CLIENTS[:2]), job=jobs, inline=st.booleans(), needs=st.sampled_from(((), ("canny",))))
    def a_client_submits(self, peer, job, inline, needs):
        payload = (b"x" * 20,) if inline else ()
        self._step(Side.FRONTEND, peer, encode([Submit(job, b"", needs, 5, 20, payload)]))

    @rule()
    def a_basic_client_asks(self):
        self._step(Side.FRONTEND, CLIENTS[2], [b"stack", b"", b"x" * 20])

    @rule(peer=st.sampled_from(CLIENTS[:2]), job=jobs, kind=st.sampled_from((Cancel, ResultOk)))
    def a_client_forgets(self, peer, job, kind):
        self._step(Side.FRONTEND, peer, encode([kind(job)]))

    @precondition(lambda self: self.tokens)
    @rule(
        pick=st.integers(0, 1000),
        answer=st.sampled_from(
            (
                lambda token: Result(token, OUTPUTS, {}, (b"abc",)),
                lambda token: Result(token, OUTPUTS, {}),
                lambda token: Failed(token, "permanent", "No."),
                lambda token: Failed(token, "transient", "Not now."),
                lambda token: Get(token, "", 0, 10),
                Nack,
            )
        ),
    )
    def a_worker_answers(self, pick, answer):
        peer, token = self.tokens[pick % len(self.tokens)]
        self._step(Side.BACKEND, peer, encode([answer(token)]))

    @rule(peer=st.sampled_from(WORKERS[:2]), data=st.data())
    def a_worker_beats(self, peer, data):
        worker = self.core.scheduler.workers.get(peer)
        if worker is not None:
            held = tuple(data.draw(st.sets(st.sampled_from(sorted(worker.leases))))) if worker.leases else ()
            self._step(Side.BACKEND, peer, encode([Beat(worker.session, held, held[:1])]))

    @rule(side=st.sampled_from(Side), peer=st.sampled_from(CLIENTS + WORKERS))
    def a_connection_breaks(self, side, peer):
        self._see(self.core.on_unreachable(side, peer, self.now))

    @rule(peer=st.sampled_from(WORKERS[:2]))
    def a_worker_drains(self, peer):
        self._step(Side.BACKEND, peer, encode([Drain()]))

    @rule(
        side=st.sampled_from(Side), peer=st.sampled_from(CLIENTS + WORKERS), message=client_messages | worker_messages
    )
    def anybody_says_anything(self, side, peer, message):
        if not isinstance(message, Submit):  # one that is larger than the caps would fill the broker
            self._step(side, peer, encode([message]))

    def _tasks(self):
        return list(self.core.books.every_task())

    @invariant()
    def every_task_is_counted_once(self):
        tasks, books = self._tasks(), self.core.books
        assert books.tasks == len(tasks) <= SETTINGS.tasks
        assert books.held_bytes == sum(task.held_bytes for task in tasks)
        assert books.result_bytes == sum(task.result_bytes for task in tasks)
        for client in books.clients.values():
            assert client.held_bytes == sum(task.held_bytes for task in client.tasks.values())
            assert client.result_bytes == sum(task.result_bytes for task in client.tasks.values())

    @invariant()
    def a_task_is_where_its_state_says(self):
        scheduler, tasks = self.core.scheduler, self._tasks()
        waiting = [task for task in tasks if task.state is TaskState.WAITING]
        assert scheduler.waiting == len(waiting)
        for task in tasks:
            assert task.state is not TaskState.ENDED
            if task.state is TaskState.RUNNING:
                assert task.leases
            if task.state in (TaskState.WAITING, TaskState.DELAYED):
                assert not task.leases
                assert task.outcome is None
            assert (task.state is TaskState.DELIVERING) == (task.outcome is not None)

    @invariant()
    def leases_belong_to_living_workers_and_tasks(self):
        scheduler = self.core.scheduler
        of_workers = [lease for worker in scheduler.workers.values() for lease in worker.leases.values()]
        of_tasks = [lease for task in self._tasks() for lease in task.leases]
        assert set(map(id, of_workers)) == set(map(id, of_tasks)) == set(map(id, scheduler.leases.values()))
        assert all(lease.worker is scheduler.workers[lease.worker.peer] for lease in of_tasks)

    @invariant()
    def nobody_is_reserved_without_a_trial(self):
        reserved = [worker for worker in self.core.scheduler.workers.values() if worker.reserved]
        assert len(reserved) <= 1
        for lease in self.core.scheduler.leases.values():
            if lease.alone:
                assert reserved == [lease.worker]
                assert len(lease.worker.leases) == 1


Broker.TestCase.settings = settings(max_examples=60, stateful_step_count=40)
TestBooksBalance = Broker.TestCase
