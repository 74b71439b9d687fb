"""What worker and client do when the broker does not let them in: they leave it alone for a while, each time longer."""

from __future__ import annotations

import random

import pytest

from filterfleet.common.client.core import ClientCore
from filterfleet.common.jobs.job import Job
from filterfleet.common.wire import Hello, Submit, encode
from filterfleet.common.wire.actions import Open
from filterfleet.worker.leases.actions import Profile
from filterfleet.worker.leases.session import WorkerSession


def a_worker() -> WorkerSession:
    return WorkerSession(Profile(1, 1, (), "host", "1", 100), random.Random(1))


def a_client() -> ClientCore:
    return ClientCore(random.Random(1))


@pytest.mark.parametrize("make", [a_worker, a_client])
def test_a_refused_peer_comes_back_on_a_new_socket_after_growing_pauses(make):
    peer, now, identities = make(), 100.0, set()
    actions = peer.start(now)
    for pause in (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 32.0):
        identities.update(action.identity for action in actions if isinstance(action, Open))
        now += 0.1
        assert peer.on_refused(now) == []
        assert peer.on_refused(now) == []  # said twice, it is one refusal
        assert peer.deadline() == now + pause
        assert peer.on_tick(now + pause - 0.01) == []
        now += pause
        actions = peer.on_tick(now)
    assert len(identities) == 7


def test_a_refused_client_submits_later_what_it_was_given():
    client = a_client()
    client.start(0.0)
    client.on_refused(0.1)
    client.submit(Job(b"job", b"", (), 5, (b"image",)))
    assert client.on_tick(0.2) == []
    assert any(isinstance(action, Open) for action in client.on_tick(1.2))
    actions = client.on_message(encode([Hello(b"life", b"session", 1.0, 4, 1000)]), 1.3) + client.on_tick(1.3)
    assert [action.message.id for action in actions if isinstance(getattr(action, "message", None), Submit)] == [b"job"]
