"""The broker's core, with clients and workers that say anything, under routing ids with and without the tag."""

from __future__ import annotations

import contextlib
from collections import Counter

from filterfleet.broker.actions import Action, Note, Send, Side
from filterfleet.broker.batching import multiparts
from filterfleet.broker.core import BrokerCore
from filterfleet.common.errors import ProtocolError
from filterfleet.common.wire import TAG, Data, Get, parse
from filterfleet.common.wire.messages import CHUNK
from tests.fuzz.peers import PEERS, SMALL, START, Counting
from tests.fuzz.scripts import unpack

FOREVER = SMALL.opaque_life + 2 * SMALL.interval * SMALL.missed


def broker(script: bytes) -> None:
    """The lowest bit of a step's `who` is the port, and the others are the peer. A step without frames breaks the
    peer's connection."""
    core = BrokerCore(SMALL, Counting(), START)
    parts = _Parts()
    now = START
    for step in unpack(script):
        now += step.seconds
        _check_sent(core.on_tick(now))
        side = Side.BACKEND if step.who % 2 else Side.FRONTEND
        peer = PEERS[step.who // 2 % len(PEERS)]
        if step.frames:
            parts.heard(step.frames)
            parts.check(actions := core.on_message(side, peer, list(step.frames), now))
            _check_sent(actions)
        else:
            _check_sent(core.on_unreachable(side, peer, now))
        parts.check(actions := core.on_tick(now))
        _check_sent(actions)
        _check_books(core)
    _check_forgotten(core, now)


class _Parts:
    """No part of a blob is sent to a peer more often than peers have asked for it."""

    def __init__(self) -> None:
        self._asked: Counter[tuple[str, int]] = Counter()

    def heard(self, frames: tuple[bytes, ...]) -> None:
        with contextlib.suppress(ProtocolError):
            found = parse(frames, extended=True)
            for message in found if isinstance(found, list) else ():
                if isinstance(message, Get):
                    self._asked[message.blob, message.offset] += 1

    def check(self, actions: list[Action]) -> None:
        for action in actions:
            match action:
                case Send(message=Data(_, blob, offset)):
                    self._asked[blob, offset] -= 1
                    assert self._asked[blob, offset] >= 0, "an answer that nobody asked for"
                case Send(message=Get() as get):
                    assert get.length <= CHUNK


def _check_sent(actions: list[Action]) -> None:
    for item in multiparts(actions, SMALL.inline_limit):
        if not isinstance(item, Note):
            _side, peer, frames = item
            parse(frames, extended=peer.startswith(TAG))


def _check_books(core: BrokerCore) -> None:
    """They balance, and nothing is larger than the settings allow."""
    books, scheduler = core.books, core.scheduler
    tasks = list(books.every_task())
    leases = [lease for task in tasks for lease in task.leases]
    assert len(books.clients) <= SMALL.peers
    assert len(scheduler.workers) <= SMALL.peers
    assert books.tasks == len(tasks) <= SMALL.tasks
    assert books.held_bytes == sum(task.held_bytes for task in tasks)
    assert books.result_bytes == sum(task.result_bytes for task in tasks)
    for client in books.clients.values():
        assert client.held_bytes == sum(task.held_bytes for task in client.tasks.values())
        assert client.result_bytes == sum(task.result_bytes for task in client.tasks.values())
    assert scheduler.waiting <= len(tasks)
    assert {id(lease) for lease in leases} == {id(lease) for lease in scheduler.leases.values()}
    for asker in core.relay._askers.values():
        assert len(asker.under_way) <= SMALL.parts_of_peer
        assert max(asker.of_lease.values(), default=0) <= SMALL.parts_of_lease
        assert sum(asker.of_lease.values()) == len(asker.waiting) + len(asker.under_way)
    assert len(core.timers) <= 2 * len(tasks) + len(leases)
    assert len(core.report(START).counters) < 32


def _check_forgotten(core: BrokerCore, now: float) -> None:
    """When everybody falls silent, nothing is left."""
    for _ in range(2):
        now += FOREVER
        core.on_tick(now)
    report = core.report(START)
    assert (report.clients, report.workers, report.tasks, report.held_bytes) == (0, (), 0, 0)
    assert (report.waiting, report.running, len(core.timers)) == (0, 0, 0)
