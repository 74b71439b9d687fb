"""The socket of a peer, at a broker that is a bare ROUTER."""

import contextlib
import shutil
import subprocess
import sys

import pytest
import zmq

from filterfleet.common.errors import ProtocolError
from filterfleet.common.wire import Accepted, Nack, encode, parse
from filterfleet.common.wire.codec import MESSAGES_LIMIT
from filterfleet.common.wire.peer import PeerSocket
from tests.integration.harness import LOOPBACK, wait_until


@pytest.fixture
def broker():
    with zmq.Context() as context, context.socket(zmq.ROUTER) as socket:
        socket.linger = 0
        socket.rcvtimeo = 5000
        yield socket, f"tcp://{LOOPBACK}:{socket.bind_to_random_port(f'tcp://{LOOPBACK}')}"


@pytest.fixture
def peer(broker):
    with contextlib.closing(PeerSocket()) as peer:
        peer.open(b"fx1|first", broker[1])
        yield peer


def test_messages_travel_together_at_the_next_flush_and_frames_behind_them(broker, peer):
    peer.put(Nack(b"a"))
    peer.put(Nack(b"b"))
    peer.put_frames((b"\x02",))
    peer.put(Nack(b"c"))
    peer.flush()
    heard = [broker[0].recv_multipart() for _ in range(3)]
    assert {identity for identity, *_ in heard} == {b"fx1|first"}
    assert [parse(frames, extended=True) for _, *frames in (heard[0], heard[2])] == [
        [Nack(b"a"), Nack(b"b")],
        [Nack(b"c")],
    ]
    assert heard[1][1:] == [b"\x02"]


def test_more_messages_than_one_may_carry_go_in_several(broker, peer):
    for _ in range(MESSAGES_LIMIT + 1):
        peer.put(Nack(b"a"))
    peer.flush()
    sizes = [len(parse(broker[0].recv_multipart()[1:], extended=True)) for _ in range(2)]
    assert sizes == [MESSAGES_LIMIT, 1]


def test_what_waited_for_an_old_socket_is_dropped_with_it(broker, peer):
    peer.put(Nack(b"old"))
    old = peer.pollable
    peer.open(b"fx1|second", broker[1])
    assert old.closed
    peer.put(Nack(b"new"))
    peer.flush()
    identity, *frames = broker[0].recv_multipart()
    assert (identity, parse(frames, extended=True)) == (b"fx1|second", [Nack(b"new")])


def test_what_is_refused_is_dropped_and_the_rest_is_heard(broker, peer, said):
    peer.put(Nack(b"hello"))
    peer.flush()
    broker[0].recv_multipart()
    for frames in ([b"junk"], [b"junk"], encode([Accepted(b"job")])):
        broker[0].send_multipart([b"fx1|first", *frames])
    heard = []

    def hear(frames):
        if frames == [b"junk"]:
            raise ProtocolError("no message")
        return parse(frames, extended=True)

    def have_heard():
        heard.extend(peer.receive(hear))
        return heard

    wait_until(have_heard)
    assert heard == [Accepted(b"job")]
    assert said.text.count("malformed") == 1  # one line for both


def test_a_subclass_sees_everything_that_leaves(broker):
    class Listening(PeerSocket):
        def __init__(self):
            super().__init__()
            self.seen = []

        def put(self, message):
            self.seen.append(message)
            super().put(message)

    with contextlib.closing(Listening()) as peer:
        peer.open(b"fx1|peer", broker[1])
        peer.put(Nack(b"a"))
        peer.flush()
        assert peer.seen == [Nack(b"a")]
        assert parse(broker[0].recv_multipart()[1:], extended=True) == [Nack(b"a")]


def test_an_address_that_means_nothing_is_logged_and_no_error(said):
    with contextlib.closing(PeerSocket(role="worker")) as peer:
        peer.open(b"fx1|peer", "tcp://no such host:1")
        peer.put(Nack(b"a"))
        peer.flush()
    assert "cannot connect" in said.text


def test_a_socket_that_was_never_opened_is_closed_all_the_same():
    peer = PeerSocket()
    assert peer.refusal() is None
    peer.close()


# Of these names, one has an address of IPv6 alone, and one has both kinds, with a broker at that of IPv4.
HOSTS = "127.0.0.1 both.example\nfd00::5 both.example\nfd00::5 six.example\n"
SPACE = """
ip link set lo up; ip addr add fd00::5/64 dev lo nodad; mount --bind "$1" /etc/hosts; shift; exec "$@"
"""
REACH = """
import contextlib, zmq
from filterfleet.common.wire.peer import PeerSocket
from filterfleet.worker.sandbox.names import Names

def reaches(name, at):
    with zmq.Context() as context, context.socket(zmq.ROUTER) as broker, contextlib.closing(PeerSocket()) as peer:
        broker.ipv6, broker.linger, broker.rcvtimeo = True, 0, 10_000
        named = f"tcp://{name}:{broker.bind_to_random_port('tcp://' + at)}"
        peer.open(b"fx1|first", named)
        peer.send((b"hello",))
        print(broker.recv_multipart()[1], Names([named]).current(named).rpartition(":")[0])

reaches("six.example", "[fd00::5]")
reaches("both.example", "127.0.0.1")
"""


def test_a_broker_whose_name_has_addresses_of_ipv6_alone_is_reached(tmp_path):
    if not shutil.which("ip") or subprocess.run(["unshare", "-Urmn", "true"], capture_output=True).returncode:
        pytest.skip("needs `ip`, and user namespaces for us")
    (hosts := tmp_path / "hosts").write_text(HOSTS)
    command = ["unshare", "-Urmn", "sh", "-ec", SPACE, "sh", hosts, sys.executable, "-c", REACH]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert ended.stdout.splitlines() == ["b'hello' tcp://[fd00::5]", "b'hello' tcp://127.0.0.1"], ended.stderr
