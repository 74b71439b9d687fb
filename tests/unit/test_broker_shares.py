"""How several clients share a full broker."""

import itertools

import pytest

from filterfleet.broker.settings import Settings
from filterfleet.common.wire import Accepted, Busy, Cancel
from tests.unit.broker_rig import IMAGE, JOB_BYTES, Rig

HOG, OTHER = b"fx1|hog", b"fx1|other"
CAP = 360
CAPS = [Settings(tasks=CAP), Settings(held_bytes=CAP * JOB_BYTES)]
ALONE = CAP * 8 // 9  # what one client may hold


class Submitter:
    """A client that submits numbered jobs and keeps those that were accepted."""

    def __init__(self, rig, peer, owner=""):
        self.rig = rig
        self.peer = peer
        self.owner = owner
        self.held = []
        self._numbers = itertools.count()

    def submit(self, priority=5):
        """Submit one more job. Returns whether the broker had room."""
        job = b"%d" % next(self._numbers)
        self.rig.submit(job, client=self.peer, priority=priority, payload=(IMAGE,), owner=self.owner)
        (answer,) = self.rig.take(self.peer, Accepted | Busy)
        if isinstance(answer, Accepted):
            self.held.append(job)
        return isinstance(answer, Accepted)

    def fill(self):
        while self.submit():
            pass

    def end_one(self):
        self.rig.from_client(self.peer, Cancel(self.held.pop(0)))


@pytest.fixture(params=CAPS, ids=["tasks", "bytes"])
def rig(request):
    return Rig(request.param)


def test_one_client_alone_leaves_a_little_room_for_a_later_one(rig):
    hog, other = Submitter(rig, HOG), Submitter(rig, OTHER)
    hog.fill()
    assert len(hog.held) == ALONE
    assert other.submit()
    assert not hog.submit()


def test_a_client_that_asks_rarely_gets_as_much_as_one_that_asks_all_the_time(rig):
    """The tasks of both end in turn, as from the queue. The hog asks until it is refused; the other does not."""
    hog, other = Submitter(rig, HOG), Submitter(rig, OTHER)
    hog.fill()
    for _ in range(800):
        for client in (hog, other):
            if client.held:
                client.end_one()
        hog.fill()
        other.submit()
        other.submit()
    assert len(other.held) >= 0.8 * len(hog.held)
    assert len(hog.held) + len(other.held) > CAP * 0.9


def test_many_clients_share_and_the_last_still_gets_in(rig):
    clients = [Submitter(rig, b"fx1|%d" % number) for number in range(8)]
    for _ in range(600):
        for client in clients:
            client.fill()
            if len(client.held) > 1:
                client.end_one()
    assert Submitter(rig, OTHER).submit()
    shares = [len(client.held) for client in clients]
    assert min(shares) >= max(shares) / 2


def test_an_urgent_job_finds_room_although_its_clients_backfill_has_left_none(rig):
    hog = Submitter(rig, HOG)
    hog.fill()
    assert hog.submit(priority=0)
    assert not hog.submit()


def test_refusals_are_counted_with_their_bytes(rig):
    hog = Submitter(rig, HOG)
    hog.fill()
    assert (rig.counters["refused"], rig.counters["refused_bytes"]) == (1, JOB_BYTES)


def test_a_key_with_many_clients_leaves_room_for_another(rig):
    """And all of its own clients get in, the last one as well."""
    hogs = [Submitter(rig, b"fx1|%d" % number, "hog") for number in range(20)]
    other = Submitter(rig, OTHER, "other")
    for _ in range(150):
        for hog in hogs:
            hog.fill()
            if len(hog.held) > 1:
                hog.end_one()
        other.submit()
    assert len(other.held) >= CAP / 10
    assert min(len(hog.held) for hog in hogs) >= 1
    late = Submitter(rig, b"fx1|late", "hog")
    for hog in hogs[:10]:
        hog.end_one()
    assert late.submit()


def test_a_key_with_one_client_has_what_one_client_may_have(rig):
    hog, second = Submitter(rig, HOG, "hog"), Submitter(rig, b"fx1|second", "hog")
    hog.fill()
    assert len(hog.held) == ALONE
    assert second.submit()
    assert Submitter(rig, OTHER, "other").submit()
