"""Listed peers that want what belongs to others: their results, their tasks, their places."""

from __future__ import annotations

import contextlib
from pathlib import Path

import psutil
import pytest
import zmq

from filterfleet.common.keys.folders import Role
from filterfleet.common.wire import READY
from tests.fuzz import zmtp
from tests.integration.harness import COMMAND, LOOPBACK, Daemon, Fleet, Processes, wait_until
from tests.integration.keyed_peers import KeyedFleet, Show, client_says, connected, hears, keys_of, nothing, tagged
from tests.integration.ppp_peers import receive_other_than_heartbeat

SILENCE = 1000  # milliseconds: what is sent arrives within some
FILES = 256  # descriptors of a broker that is to run out of them; a quarter of those that it gives to peers is 48
FEW_FILES = ("sh", "-c", f'ulimit -n {FILES}; exec "$0" "$@"', COMMAND)
IDLE = 0.5  # of a processor, at most


@pytest.fixture
def keyed(processes: Processes, tmp_path: Path) -> KeyedFleet:
    return KeyedFleet(processes, tmp_path / "keys")


def shows(fleet: KeyedFleet, role: Role, name: str) -> Show:
    """The credentials of a newly listed machine."""
    return keys_of(fleet.machine(role, name), role)


def test_a_silent_client_gets_nothing_under_the_id_of_one_that_has_left(keyed: KeyedFleet):
    owner, thief = (shows(keyed, Role.CLIENT, name) for name in ("owner", "thief"))
    works = keys_of(keyed.keys, Role.WORKER)
    broker = keyed.start_broker()
    with connected(keyed.backend, works, b"worker") as worker:
        worker.send(READY)
        with connected(keyed.frontend, owner, b"id") as client:
            client.send_multipart([b"", b"a secret"])
            token, _, body = receive_other_than_heartbeat(worker, 5)
            assert body == b"a secret"
        with connected(keyed.frontend, thief, b"id") as steals:
            assert not steals.poll(SILENCE)  # it is let in meanwhile
            worker.send_multipart([token, b"", b"the result"])
            assert not steals.poll(SILENCE)
        assert broker.alive
        assert keyed.status()["tasks"] == 0


def test_a_silent_worker_gets_nothing_under_the_id_of_one_that_has_left(keyed: KeyedFleet):
    owner, thief = (shows(keyed, Role.WORKER, name) for name in ("owner", "thief"))
    keyed.start_broker()
    with connected(keyed.frontend, keys_of(keyed.keys, Role.CLIENT), b"client") as client:
        with connected(keyed.backend, owner, b"id") as worker:
            worker.send(READY)
            wait_until(lambda: keyed.status()["workers"])
        with connected(keyed.backend, thief, b"id") as steals:
            assert not steals.poll(SILENCE)
            client.send_multipart([b"", b"a secret"])
            assert not steals.poll(SILENCE)
        with connected(keyed.backend, owner, b"other id") as worker:
            worker.send(READY)
            assert receive_other_than_heartbeat(worker, 5)[-1] == b"a secret"


def test_a_peer_that_takes_anothers_id_is_cut_off(keyed: KeyedFleet):
    """And may come back under one of its own."""
    owner, thief = (shows(keyed, Role.WORKER, name) for name in ("owner", "thief"))
    broker = keyed.start_broker()
    with connected(keyed.backend, owner, b"id") as worker:
        worker.send(READY)
        wait_until(lambda: keyed.status()["workers"])
    with connected(keyed.backend, thief, b"id") as steals:
        monitor = steals.get_monitor_socket(zmq.EVENT_DISCONNECTED)
        steals.send(READY)
        assert monitor.poll(5000), "it is not cut off"
        steals.disable_monitor()
        monitor.close(linger=0)
    assert "reason='routing id of another key'" in broker.said


def test_ids_of_libzmqs_own_form_cannot_be_claimed(fleet: Fleet):
    """And anonymous peers are served under such ids."""
    broker = fleet.start_broker()
    with contextlib.ExitStack() as stack:
        for identity in [b"\0\0\0\0\1", b"\0\x80abc", b"\0", b"\0fx1|"]:
            liar = stack.enter_context(zmtp.introduced(fleet.backend, identity))
            liar.sendall(zmtp.message([READY]))
            while liar.recv(100):  # libzmq's last words, and then the end of the stream
                pass
        assert fleet.status()["workers"] == []
        worker = stack.enter_context(connected(fleet.backend, nothing))
        worker.send(READY)
        wait_until(lambda: fleet.status()["workers"])
        client = stack.enter_context(connected(fleet.frontend, nothing, kind=zmq.REQ))
        client.send(b"body")
        token, _, body = receive_other_than_heartbeat(worker, 5)
        worker.send_multipart([token, b"", body])
        assert client.poll(5000)
    assert 'reason="routing id of libzmq\'s own form"' in broker.said


def test_one_key_leaves_room_for_others(keyed: KeyedFleet):
    """With 256 descriptors there are 144 for peers that speak. One key gets eight ninths of them, and no more."""
    greedy, modest = (shows(keyed, Role.CLIENT, name) for name in ("greedy", "modest"))
    broker = keyed.start_broker(program=FEW_FILES)
    answered = 0
    with contextlib.ExitStack() as stack:
        context = stack.enter_context(zmq.Context())
        while "reason='too many peers of one key'" not in broker.said:
            peer = stack.enter_context(context.socket(zmq.DEALER))
            peer.linger = 0
            peer.routing_id = tagged(b"%d" % answered)
            greedy(peer)
            peer.connect(f"tcp://{LOOPBACK}:{keyed.frontend}")
            answered += hears(peer, client_says()[:1], 0.2)
            assert answered <= 128
        assert answered > 100
        client = stack.enter_context(connected(keyed.frontend, modest, tagged(b"modest")))
        assert hears(client, client_says()[:1], 5)
        assert keyed.status()["clients"] > 100
    assert "name=greedy" in broker.said


def cpu(daemon: Daemon) -> float:
    times = psutil.Process(daemon.pid).cpu_times()
    return times.user + times.system


def test_strangers_that_say_nothing_keep_nobody_out(keyed: KeyedFleet):
    """More connections than there are descriptors: the oldest ones make room, and the log says so."""
    honest = shows(keyed, Role.WORKER, "honest")
    broker = keyed.start_broker(program=FEW_FILES)
    with contextlib.ExitStack() as stack:
        for _ in range(2 * FILES):
            stack.enter_context(zmtp.connect(keyed.backend))
        worker = stack.enter_context(connected(keyed.backend, honest, b"honest"))
        worker.send(READY)
        wait_until(lambda: keyed.status()["workers"], 10)
        before = cpu(broker)
        assert not worker.poll(0) or worker.recv()
        wait_until(lambda: psutil.Process(broker.pid).num_fds() < FILES / 2, 10)
        assert receive_other_than_heartbeat(worker, 1.0) is None
        assert cpu(broker) - before < IDLE
    assert "reason='too many connections that say nothing'" in broker.said
    assert "address=127.0.0.1" in broker.said
