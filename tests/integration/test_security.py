"""A broker with keys: strangers get nothing, listed peers get what they are listed for, and a peer that is struck off
gets nothing more."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq

from filterfleet.common.errors import FleetError
from filterfleet.common.keys.folders import Role
from filterfleet.common.keys.making import make_broker_folder
from filterfleet.common.process.ports import free_ports
from filterfleet.common.wire import READY, Accepted, Hello, parse
from tests.integration import keyed_peers as peers
from tests.integration.harness import LOOPBACK, Fleet, Processes, check_outputs, wait_until
from tests.integration.keyed_peers import KeyedFleet, client_says, hears, keys_of, tagged, worker_says
from tests.integration.ppp_peers import receive_other_than_heartbeat

USAGE = 2
SILENCE = 1.0  # seconds: a listed peer is answered in some milliseconds


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeyedFleet]:
    """A running broker with keys, shared by all tests that do not change it."""
    with contextlib.closing(Processes(tmp_path_factory.mktemp("logs"))) as processes:
        fleet = KeyedFleet(processes, tmp_path_factory.mktemp("guarded") / "keys")
        fleet.machine(Role.WORKER, "works")
        fleet.machine(Role.CLIENT, "submits")
        fleet.broker = fleet.start_broker()
        yield fleet


@pytest.fixture
def keyed(processes: Processes, tmp_path: Path) -> KeyedFleet:
    """A fleet with keys whose broker has not been started."""
    return KeyedFleet(processes, tmp_path / "keys")


@pytest.fixture(scope="module")
def strangers(guarded: KeyedFleet, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[Role, peers.Show]]:
    """The credentials of each kind of stranger, at the backend and at the frontend."""
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "keys"
    make_broker_folder(elsewhere)
    ours, theirs = peers.peer_keys(guarded.keys, Role.CLIENT), peers.peer_keys(elsewhere, Role.CLIENT)
    works, submits = guarded.keys / "machines/works", guarded.keys / "machines/submits"
    as_client, as_worker = keys_of(submits, Role.CLIENT), keys_of(works, Role.WORKER)
    wrong_broker = {role: keys_of(guarded.keys, role, theirs.broker) for role in Role}
    return {
        "NULL": dict.fromkeys(Role, peers.nothing),
        "PLAIN": dict.fromkeys(Role, peers.a_password),
        "wrong server key": wrong_broker,
        "unlisted key": dict.fromkeys(Role, peers.curve(theirs.own.public, theirs.own.secret, ours.broker)),
        "listed, but as the other": {Role.WORKER: as_client, Role.CLIENT: as_worker},
        "listed keys without their secrets": {
            role: peers.curve(peers.peer_keys(guarded.keys, role).own.public, theirs.own.secret, ours.broker)
            for role in Role
        },
    }


def test_strangers_get_no_answer_and_change_nothing(guarded: KeyedFleet, strangers):
    """They cannot submit, work, or learn the fleet's state, whether their routing id is one of PPP or of PPX."""
    before = guarded.status()
    with contextlib.ExitStack() as stack:
        asked = []
        for kind, shows in strangers.items():
            for identity in (b"", tagged(kind.encode())):
                client = stack.enter_context(peers.connected(guarded.frontend, shows[Role.CLIENT], identity))
                worker = stack.enter_context(peers.connected(guarded.backend, shows[Role.WORKER], identity))
                asked += [(kind, client, client_says()), (kind, worker, worker_says())]
        for _, peer, messages in asked:
            hears(peer, messages, 0)
        assert [kind for kind, peer, _ in asked if hears(peer, [], SILENCE / len(asked))] == []
    after = guarded.status()
    assert before.pop("counters") == after.pop("counters")
    for clock in ("uptime", "clock"):
        assert before.pop(clock) < after.pop(clock)
    assert before == after
    assert after["workers"] == []


def test_listed_peers_get_answers_to_the_same_messages(guarded: KeyedFleet):
    works, submits = guarded.keys / "machines/works", guarded.keys / "machines/submits"
    with (
        peers.connected(guarded.frontend, keys_of(submits, Role.CLIENT), tagged(b"client")) as client,
        peers.connected(guarded.backend, keys_of(works, Role.WORKER), tagged(b"worker")) as worker,
    ):
        assert hears(client, client_says()[:3], 5)
        assert hears(worker, worker_says(), 5)
        said = parse(worker.recv_multipart(), extended=True)
        assert isinstance(said[0], Hello)
        heard = []
        while not any(isinstance(message, Accepted) for message in heard):
            assert client.poll(5000)
            heard += parse(client.recv_multipart(), extended=True)
        wait_until(lambda: [worker["host"] for worker in guarded.status()["workers"]] == ["stranger"])
    wait_until(lambda: not guarded.status()["workers"], what="the worker has left")


@pytest.mark.parametrize("speaks", [peers.speaks_zmtp_1, peers.speaks_zmtp_2])
def test_older_versions_of_zmtp_are_no_way_in(guarded: KeyedFleet, speaks):
    assert b"PPX1" not in speaks(guarded.backend, 0.5)
    assert guarded.status()["workers"] == []


@pytest.mark.slow
@pytest.mark.parametrize("speaks", [peers.speaks_zmtp_1, peers.speaks_zmtp_2])
def test_older_versions_of_zmtp_are_one_where_there_are_no_keys(fleet: Fleet, speaks):
    """Otherwise the test before this one would prove nothing."""
    fleet.start_broker()
    assert b"PPX1" in speaks(fleet.backend, 2.0)


def test_denied_peers_show_in_the_log(guarded: KeyedFleet, strangers):
    with contextlib.ExitStack() as stack:
        for shows in strangers.values():
            stack.enter_context(peers.connected(guarded.frontend, shows[Role.CLIENT]))
        for reason in ("no CURVE key", "no handshake with this broker's key", "its key is not listed"):
            wait_until(lambda: re.search(f"peer denied.*{reason}", guarded.broker.said), what=reason)  # noqa: B023
    assert "address=127.0.0.1" in guarded.broker.said


@pytest.mark.slow
def test_a_result_goes_to_nobody_but_who_submitted(keyed: KeyedFleet):
    """A client's connection ends, and another listed client takes over its routing id. It gets nothing."""
    owner, other = keyed.machine(Role.CLIENT, "owner"), keyed.machine(Role.CLIENT, "other")
    broker = keyed.start_broker()
    worker = peers.connected(keyed.backend, keys_of(keyed.keys, Role.WORKER), b"worker")
    with worker as works:
        works.send(READY)
        with peers.connected(keyed.frontend, keys_of(owner, Role.CLIENT), b"owner") as submits:
            submits.send_multipart([b"", b"a secret"])
            token, _, body = receive_other_than_heartbeat(works, 5)
            assert body == b"a secret"
        with peers.connected(keyed.frontend, keys_of(other, Role.CLIENT), b"owner") as steals:
            steals.send_multipart([b"", b"anything"])
            wait_until(lambda: "routing id of another key" in broker.said)
            assert keyed.status()["tasks"] == 1  # it has been begun, so it goes on
            works.send_multipart([token, b"", b"the result"])
            wait_until(lambda: keyed.status()["tasks"] == 0, what="the end of the request")
            assert not steals.poll(SILENCE * 1000)


def test_a_revoked_worker_is_cut_off_and_its_task_done_elsewhere(keyed: KeyedFleet):
    bad = keyed.machine(Role.WORKER, "bad")
    broker = keyed.start_broker()
    client = peers.connected(keyed.frontend, keys_of(keyed.keys, Role.CLIENT), kind=zmq.REQ)
    revoked = peers.connected(keyed.backend, keys_of(bad, Role.WORKER), b"bad")
    good = peers.connected(keyed.backend, keys_of(keyed.keys, Role.WORKER), b"good")
    with client as asks, revoked as held:
        held.send(READY)
        asks.send(b"body")
        token, _, body = receive_other_than_heartbeat(held, 5)
        assert body == b"body"
        keyed.revoke(Role.WORKER, "bad")
        keyed.reload(broker)
        assert "peer cut off" in broker.said
        held.send_multipart([token, b"", b"forged"])
        held.send(READY)
        with good as works:
            works.send(READY)
            again, _, body = receive_other_than_heartbeat(works, 5)
            assert body == b"body"
            works.send_multipart([again, b"", b"answer"])
            assert asks.poll(5000)
            assert asks.recv() == b"answer"
            assert len(keyed.status()["workers"]) == 1
        while held.poll(0):  # earlier heartbeats
            held.recv_multipart()
        assert not held.poll(1500), "the broker still talks to it"


@pytest.mark.slow
def test_a_revoked_client_is_forgotten_with_its_tasks(keyed: KeyedFleet):
    bad = keyed.machine(Role.CLIENT, "bad")
    broker = keyed.start_broker()
    with peers.connected(keyed.frontend, keys_of(bad, Role.CLIENT), tagged(b"bad")) as client:
        assert hears(client, client_says()[:1], 5)
        client.send_multipart(client_says()[2])
        wait_until(lambda: keyed.status()["tasks"] == 1)
        keyed.revoke(Role.CLIENT, "bad")
        keyed.reload(broker)
        wait_until(lambda: keyed.status()["tasks"] == 0)
        client.send_multipart(client_says()[2])
        assert keyed.status()["counters"]["submitted"] == 1


@pytest.mark.slow
def test_a_list_that_became_unusable_does_not_stop_the_broker(keyed: KeyedFleet):
    broker = keyed.start_broker()
    (keyed.keys / "workers/broken.key").write_text("nothing")
    keyed.reload(broker)
    assert "broken.key is not a certificate" in broker.said
    (keyed.keys / "clients").chmod(0o777)
    broker.process.send_signal(peers.signal.SIGHUP)
    wait_until(lambda: "the old one stays" in broker.said)
    assert keyed.status()["clients"] == 1


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")
def test_a_key_that_another_user_has_listed_does_not_get_in(keyed: KeyedFleet, tmp_path):
    planted = keyed.machine(Role.CLIENT, "planted")
    listed = keyed.keys / "clients/planted.key"
    os.chown(listed, 40_001, 40_001)
    elsewhere = listed.rename(tmp_path / "planted.key")
    broker = keyed.start_broker()
    elsewhere.rename(listed)
    keyed.reload(broker)
    assert "planted.key belongs to the user 40001" in broker.said
    with peers.connected(keyed.frontend, keys_of(planted, Role.CLIENT), tagged(b"planted")) as client:
        client.send_multipart(client_says()[0])
        wait_until(lambda: "its key is not listed" in broker.said)
        assert not client.poll(0)


@pytest.mark.slow
def test_that_one_of_two_brokers_lets_nobody_in_is_told(keyed: KeyedFleet, photographs, expected, tmp_path):
    other = "127.0.0.2"
    both = ("--broker", f"{LOOPBACK},{other}")
    keyed.start_broker()
    code, said = keyed.processes.run("status", "--frontend-port", keyed.frontend, *both)
    assert code == USAGE
    assert "No broker answers" in said
    assert "name the folder of your keys with --keys" in said

    open_fleet = Fleet(keyed.processes)
    open_fleet.frontend, open_fleet.backend = keyed.frontend, keyed.backend
    open_fleet.start_broker("--bind", other)
    open_fleet.start_worker("--broker", other)
    source, output = photographs(2, 300, 400), tmp_path / "out"
    listener = open_fleet.start_listener(source, output, "--once", "--settle", 0, *both)
    assert listener.wait(30) == 0, listener.said
    check_outputs(output, expected(source))
    assert "name the folder of your keys with --keys" in listener.said


def test_elsewhere_than_on_loopback_keys_are_needed(processes: Processes):
    frontend, backend = free_ports()
    ports = ("--frontend-port", frontend, "--backend-port", backend)
    code, said = processes.run("broker", "--bind", "0.0.0.0", *ports)
    assert code == USAGE
    assert "make keys with `filterfleet keys FOLDER`" in said
    assert "Traceback" not in said


@pytest.mark.slow
def test_elsewhere_than_on_loopback_without_keys_if_one_insists(processes: Processes):
    frontend, backend = free_ports()
    ports = ("--frontend-port", frontend, "--backend-port", backend)
    insecure = processes.start("broker", "--bind", "0.0.0.0", "--insecure", *ports)
    wait_until(lambda: "broker started" in insecure.said)
    assert "everybody who can reach the ports can use the fleet" in insecure.said


@pytest.mark.slow
def test_with_keys_a_broker_may_listen_anywhere(keyed: KeyedFleet):
    keyed.start_broker("--bind", "0.0.0.0")
    assert keyed.status()["clients"] == 1


def test_a_secret_that_others_can_read_is_refused(keyed: KeyedFleet):
    (keyed.keys / "broker.key_secret").chmod(0o644)
    broker = keyed.start_broker()
    assert broker.wait(5) == USAGE
    assert "is open to others (mode 0644)" in broker.said
    assert "Traceback" not in broker.said
    (keyed.keys / "client.key_secret").chmod(0o640)
    with pytest.raises(FleetError, match="is open to others"):
        keyed.status()


@pytest.mark.slow
@pytest.mark.parametrize("command", ["worker", "submit", "run"])
def test_each_command_refuses_a_secret_that_others_can_read(keyed: KeyedFleet, photographs, tmp_path, command):
    for file in keyed.keys.glob("*.key_secret"):
        file.chmod(0o604)
    source = photographs(3, 200, 400)
    arguments = {
        "worker": (),
        "submit": (next(source.rglob("*.jpg")), "--output", tmp_path / "out"),
        "run": (source, tmp_path / "out", "--engine", "cluster"),
    }
    code, said = keyed.processes.run(command, *arguments[command], "--keys", keyed.keys)
    assert code == USAGE
    assert "is open to others (mode 0604)" in said
    assert "Traceback" not in said


@pytest.mark.slow
def test_who_is_not_let_in_is_told_why(guarded: KeyedFleet, tmp_path):
    """It is told as soon as the handshake has failed. A command that has waited 10 s in vain says something else."""
    elsewhere = KeyedFleet(guarded.processes, tmp_path / "elsewhere")
    for keys, sentence in (
        ((), "lets nobody in without a key|if it is a broker that has keys"),
        (("--keys", elsewhere.keys), "is not the broker whose key is in"),
    ):
        code, said = guarded.processes.run("status", "--frontend-port", guarded.frontend, *keys)
        assert code == USAGE
        assert "No broker answers" not in said
        assert re.search(f"^filterfleet: .*({sentence})", said)
        assert said.count("\n") == 1
    (elsewhere.keys / "broker.key").write_bytes((guarded.keys / "broker.key").read_bytes())
    worker = guarded.processes.start("worker", "--backend-port", guarded.backend, "--keys", elsewhere.keys)
    wait_until(lambda: "has to be listed among its workers" in worker.said)
    assert worker.alive
    worker.terminate()
    assert worker.wait(15) == 0


@pytest.mark.slow
def test_keys_at_a_broker_without(fleet: Fleet, keyed: KeyedFleet):
    fleet.start_broker()
    code, said = fleet.processes.run("status", "--frontend-port", fleet.frontend, "--keys", keyed.keys)
    assert code == USAGE
    assert "is not the broker whose key is in" in said


@pytest.mark.slow
def test_a_fleet_with_keys_works_and_loses_nothing_when_a_worker_is_revoked(
    keyed: KeyedFleet, photographs, expected, tmp_path
):
    broker = keyed.start_broker()
    source, output = photographs(60, 1000, 1600), tmp_path / "out"
    bad, submits = keyed.machine(Role.WORKER, "bad"), keyed.machine(Role.CLIENT, "submits")
    keyed.reload(broker)
    keyed.start_worker("--keys", keyed.keys)
    revoked = keyed.start_worker("--keys", bad)
    keyed.wait_for_workers(2)
    batch = (source, output, "--engine", "cluster", "--frontend-port", keyed.frontend, "--keys", submits)
    run = keyed.processes.start("run", *batch)
    wait_until(lambda: [worker["leases"] > 0 for worker in keyed.status()["workers"]] == [True, True])
    keyed.revoke(Role.WORKER, "bad")
    keyed.reload(broker)
    assert len(keyed.status()["workers"]) == 1
    assert run.wait(90) == 0, run.said
    check_outputs(output, expected(source))
    wait_until(lambda: "has to be listed among its workers" in revoked.said)
    assert keyed.status()["counters"]["workers_disconnected"] == 1
