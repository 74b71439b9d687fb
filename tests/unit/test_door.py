"""The pure parts of the broker's door: whom a routing id belongs to, which connections make room, who waits."""

from __future__ import annotations

import itertools
import socket
import time

import pytest
import zmq
from zmq.utils import z85

from filterfleet.broker.actions import Side
from filterfleet.broker.door import handshakes as handshakes_module
from filterfleet.broker.door.anonymous import Numbers
from filterfleet.broker.door.connections import Connection, Connections
from filterfleet.broker.door.descriptors import network_of
from filterfleet.broker.door.guests import Guests, Ruling
from filterfleet.broker.door.handshakes import Handshakes
from filterfleet.broker.door.pace import Pace
from filterfleet.broker.door.zap import ADDRESS, ALLOWED, DENIED, LATER
from filterfleet.broker.settings import HANDSHAKES_BURST, HANDSHAKES_RATE
from filterfleet.common.keys.handshakes import Monitor

FRONT, BACK = Side.FRONTEND, Side.BACKEND
WELCOME, TAKEN, CROWDED = Ruling
KEY = zmq.curve_keypair()[0]

_ports = itertools.count(40_000)


def connection(address: str = "192.0.2.1", side: Side = BACK, number: int | None = None, since: int = 0) -> Connection:
    port = next(_ports)
    return Connection(side, port if number is None else number, (address, port), address, since)


def speaking(guests: Guests, peer: bytes, owner: str, side: Side = BACK) -> Connection:
    """A connection on which this owner has spoken."""
    speaks = connection(side=side)
    speaks.peer = peer
    assert guests.admit(side, peer, owner, speaks) is WELCOME
    return speaks


def everybody(_side: Side, _peer: bytes) -> bool:
    return True


def nobody(_side: Side, _peer: bytes) -> bool:
    return False


# --- whom a routing id belongs to ----


def test_a_routing_id_belongs_to_one_owner_on_each_side():
    guests = Guests(everybody, 10, 20, 8)
    speaking(guests, b"one", "A")
    assert guests.admit(BACK, b"one", "B", connection()) is TAKEN
    assert guests.admit(FRONT, b"one", "B", connection(side=FRONT)) is WELCOME
    assert guests.admit(BACK, b"one", "A", connection()) is WELCOME
    assert (guests.owner(BACK, b"one"), guests.owner(FRONT, b"one"), guests.owner(BACK, b"two")) == ("A", "B", "")
    guests.forget(BACK, b"one")
    assert guests.admit(BACK, b"one", "B", connection()) is WELCOME


def test_an_id_of_a_peer_that_the_core_knows_stays_its_owners_when_the_connection_ends():
    guests = Guests(everybody, 10, 20, 8)
    guests.ended(speaking(guests, b"one", "A"))
    guests.tidy()
    assert guests.admit(BACK, b"one", "B", connection()) is TAKEN
    assert guests.owner(BACK, b"one") == "A"


def test_an_id_of_a_peer_that_the_core_does_not_know_is_free_when_the_connection_ends():
    guests = Guests(nobody, 10, 20, 8)
    speaks = speaking(guests, b"one", "A")
    assert guests.admit(BACK, b"one", "B", connection()) is TAKEN
    guests.ended(speaks)
    assert len(guests) == 0
    assert guests.admit(BACK, b"one", "B", connection()) is WELCOME


def test_nothing_is_sent_where_nobody_has_spoken():
    guests = Guests(everybody, 10, 20, 8)
    assert guests.connection(BACK, b"one") is None
    first = speaking(guests, b"one", "A")
    assert guests.connection(BACK, b"one") is first
    guests.ended(first)
    assert guests.connection(BACK, b"one") is None
    assert guests.admit(BACK, b"one", "A", None) is WELCOME  # what it had sent before its connection ended
    assert guests.connection(BACK, b"one") is None
    second = speaking(guests, b"one", "A")
    guests.ended(first)
    assert guests.connection(BACK, b"one") is second


def test_peers_whose_key_is_no_longer_allowed_are_dismissed_once():
    guests = Guests(everybody, 10, 20, 8)
    for peer, owner in ((b"one", "A"), (b"two", "B"), (b"three", "A")):
        speaking(guests, peer, owner)
    speaking(guests, b"four", "A", FRONT)
    assert sorted((peer, guest.owner) for peer, guest in guests.dismiss(BACK, {"B"})) == [
        (b"one", "A"),
        (b"three", "A"),
    ]
    assert guests.dismiss(BACK, {"B"}) == []
    assert guests.dismiss(FRONT, {"A"}) == []


def test_peers_that_come_and_go_are_not_remembered_for_ever():
    guests = Guests(lambda _, peer: peer == b"stays", 4096, 9000, 8)
    guests.ended(speaking(guests, b"stays", "A"))
    for number in range(10_000):
        guests.ended(speaking(guests, b"%d" % number, "B"))
        assert guests.admit(BACK, b"late%d" % number, "B", None) is WELCOME
        if number % 1000 == 0:
            guests.tidy()
    assert guests.admit(BACK, b"stays", "B", connection()) is TAKEN
    guests.tidy()
    assert len(guests) == 1


def test_a_client_without_a_connection_is_reported_when_it_stays_away():
    guests = Guests(everybody, 10, 20, 8)
    stays = speaking(guests, b"stays", "A", FRONT)
    guests.ended(speaking(guests, b"leaves", "A", FRONT))
    guests.ended(speaking(guests, b"comes again", "A", FRONT))
    guests.ended(speaking(guests, b"worker", "A"))
    assert guests.admit(FRONT, b"had left before it was heard", "A", None) is WELCOME
    assert guests.admit(FRONT, b"of an old libzmq", "", None) is WELCOME
    assert guests.tidy() == []
    speaking(guests, b"comes again", "A", FRONT)
    assert sorted(guests.tidy()) == [(FRONT, b"had left before it was heard"), (FRONT, b"leaves")]
    assert guests.connection(FRONT, b"stays") is stays


# --- a share for each owner ----


def fill(guests: Guests, owner: str, most: int = 10_000, side: Side = BACK) -> int:
    """How many ids this owner gets."""
    return next(n for n in range(most) if guests.admit(side, f"{owner}{n}".encode(), owner, connection()) is CROWDED)


def test_one_owner_does_not_get_all_places():
    guests = Guests(everybody, 4096, 8192, 8)
    assert fill(guests, "A") == 3641
    assert fill(guests, "B") == 405
    assert guests.admit(BACK, b"C", "C", connection()) is WELCOME


def test_places_come_back():
    guests = Guests(nobody, 100, 200, 1)
    speakers = [speaking(guests, b"%d" % n, "A") for n in range(50)]
    assert guests.admit(BACK, b"50", "A", connection()) is CROWDED
    guests.ended(speakers[7])
    assert guests.admit(BACK, b"50", "A", connection()) is WELCOME


def test_both_sides_share_the_descriptors():
    guests = Guests(everybody, 100, 100, 8)
    assert fill(guests, "A", side=FRONT) == 89
    assert fill(guests, "A", side=BACK) == 10
    assert guests.admit(BACK, b"B", "B", connection()) is WELCOME


# --- silent connections ----


def test_the_oldest_silent_connection_of_an_address_makes_room():
    open_ones = Connections(most=10, most_of_address=3)
    first, *others = [connection() for _ in range(4)]
    assert [open_ones.accepted(one) for one in (first, *others)] == [[], [], [], [first]]
    open_ones.heard(others[0], b"speaks")
    assert open_ones.accepted(connection()) == []
    assert open_ones.accepted(connection()) == [others[1]]
    assert len(open_ones) == 6


def test_the_oldest_silent_connection_of_all_makes_room():
    open_ones = Connections(most=3, most_of_address=2)
    first = connection("192.0.2.0")
    assert open_ones.accepted(first) == []
    assert [open_ones.accepted(connection(f"192.0.2.{n}")) for n in (1, 2)] == [[], []]
    assert open_ones.accepted(connection("192.0.2.3")) == [first]


def test_a_descriptor_that_is_used_again_is_another_connection():
    open_ones = Connections(10, 10)
    first, second = connection(number=7, since=0), connection(number=7, since=1)
    open_ones.accepted(first)
    assert open_ones.find(BACK, 7, 1) is first
    assert open_ones.ended(BACK, 7) is first
    assert open_ones.find(BACK, 7, 1) is None
    open_ones.accepted(second)
    assert open_ones.find(BACK, 7, 1) is None
    assert open_ones.find(BACK, 7, 2) is second
    assert open_ones.find(FRONT, 7, 2) is None
    assert not first.open


def test_a_side_that_is_closed_has_no_connections():
    open_ones = Connections(10, 10)
    back, front = connection(), connection(side=FRONT)
    open_ones.accepted(back)
    open_ones.accepted(front)
    assert open_ones.leave(BACK) == [back]
    assert (back.open, front.open) == (False, True)


@pytest.mark.parametrize(
    ("host", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:0:1:2:3:4:5", "2001:db8:0:1::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
    ],
)
def test_what_counts_as_one_address(host: str, network: str):
    assert network_of(host) == network


# --- libzmq's own ids ----


@pytest.mark.parametrize("first", [0x01020304, 0xFFFFFFFE])
def test_ids_of_libzmqs_own_form_are_told_from_forged_ones(first: int):
    numbers = Numbers(first)
    for _ in range(5):
        numbers.accepted()

    def peer(number: int) -> bytes:
        return b"\0" + (number % (1 << 32)).to_bytes(4, "big")

    assert not any(numbers.are_claimed_by(peer(first + n)) for n in range(6))
    assert all(numbers.are_claimed_by(peer(first + n)) for n in (-1, 10, 1000, 1 << 31))
    assert all(numbers.are_claimed_by(odd) for odd in (b"\0", b"\0abc", b"\0abcde"))
    assert not any(numbers.are_claimed_by(plain) for plain in (b"fx1|x", b"echo", b"\1\0\0\0\0"))


# --- handshakes ----


def test_one_name_does_not_use_up_the_pace_of_another():
    pace = Pace(rate=10.0, burst=3)
    assert [pace.admits("A", 0.0) for _ in range(5)] == [True, True, True, False, False]
    assert pace.admits("B", 0.0)
    assert [pace.admits("A", 0.2) for _ in range(3)] == [True, True, False]
    assert [pace.admits("A", 100.0) for _ in range(4)] == [True, True, True, False]


@pytest.fixture
def asked():
    """The door's end of the socket, and libzmq's: a list of replies to handshakes of a key."""
    with zmq.Context() as context:
        handshakes = Handshakes(context)
        with context.socket(zmq.DEALER) as libzmq:
            libzmq.linger = 0
            libzmq.connect(ADDRESS)

            def ask(now: float, number: int, key: bytes = KEY) -> list[tuple[bytes, bytes]]:
                for _ in range(number):
                    credentials = z85.decode(key)
                    libzmq.send_multipart([b"", b"1.0", b"7", b"backend", b"192.0.2.1", b"", b"CURVE", credentials])
                handshakes.take()
                handshakes.answer(now, {BACK: {KEY.decode(): "desk"}}, itertools.count(1).__next__)
                replies = []
                while libzmq.poll(0):
                    _, _, _, status, _, user, _ = libzmq.recv_multipart()
                    replies.append((status, user))
                return replies

            yield ask
        handshakes.close()


def test_handshakes_of_one_key_wait_for_their_turn(asked, monkeypatch):
    monkeypatch.setattr(handshakes_module, "HANDSHAKES_WAITING", 5)
    allowed = [(ALLOWED, b"%d %s" % (n + 1, KEY)) for n in range(HANDSHAKES_BURST)]
    assert asked(0.0, HANDSHAKES_BURST) == allowed
    assert asked(0.0, 7) == [(LATER, b"")] * 2
    assert asked(2.5 / HANDSHAKES_RATE, 0) == allowed[:2]
    assert asked(3.6 / HANDSHAKES_RATE, 1) == allowed[:1]
    assert asked(100.0, 0) == allowed[:3]


def test_a_key_that_is_not_listed_does_not_wait(asked):
    stranger = zmq.curve_keypair()[0]
    assert asked(0.0, HANDSHAKES_BURST + 1, stranger) == [(DENIED, b"")] * (HANDSHAKES_BURST + 1)
    assert asked(0.0, 1) == [(ALLOWED, b"1 %s" % KEY)]


def test_a_monitor_has_news_as_soon_as_something_has_happened():
    with zmq.Context() as context, context.socket(zmq.ROUTER) as router:
        port = router.bind_to_random_port("tcp://127.0.0.1")
        monitor = Monitor(router, zmq.EVENT_ACCEPTED | zmq.EVENT_DISCONNECTED)

        def next_event() -> int:
            deadline = time.monotonic() + 10
            while not monitor.has_news():
                assert time.monotonic() < deadline
            ((kind, _number),) = monitor.take()
            assert not monitor.has_news()
            return kind

        assert monitor.take() == []
        for _ in range(50):
            with socket.create_connection(("127.0.0.1", port)):
                assert next_event() == zmq.EVENT_ACCEPTED
            assert next_event() == zmq.EVENT_DISCONNECTED
        monitor.close()
