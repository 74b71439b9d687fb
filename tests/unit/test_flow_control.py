"""What a client sends, and when, while the broker accepts and refuses jobs. The clock is moved by hand."""

import random

import pytest

from filterfleet.common.client.actions import ReadBlob
from filterfleet.common.client.core import ClientCore
from filterfleet.common.client.settings import ACCEPT_PATIENCE, FIRST_JOBS, SMALL_IMAGE, WINDOW_BYTES, WINDOW_JOBS
from filterfleet.common.jobs.job import Job
from filterfleet.common.wire import Accepted, Busy, Data, Failed, Get, Hello, Submit, encode
from filterfleet.common.wire.actions import Send
from filterfleet.common.wire.batches import batches
from filterfleet.common.wire.messages import INLINE_LIMIT
from tests.memory_file import answers

IMAGE = bytes(8 << 20)
AT_ONCE = WINDOW_BYTES // len(IMAGE)  # images on their way
TINY = b"tiny"
WAIT = 2.0  # what the broker says; a client waits up to twice as long


class Client:
    """One that has met a broker. It keeps the submissions that no test has looked at yet."""

    def __init__(self):
        self.now = 0.0
        self.core = ClientCore(random.Random(1))
        self.core.start(self.now)
        self.sent = []
        self.hears(Hello(b"life", b"session", 1.0, 4, INLINE_LIMIT))

    def submit(self, *names, image=TINY, priority=5):
        for name in names:
            self.core.submit(Job(name, b"", (), len(image), (image,), priority))
        self._do(self.core.on_tick(self.now))

    def hears(self, *messages):
        return [
            sent
            for batch in batches(messages, INLINE_LIMIT)
            for sent in self._do(self.core.on_message(encode(batch), self.now) + self.core.on_tick(self.now))
        ]

    def passes(self, seconds):
        """Let time pass, with a broker that is alive and says nothing else."""
        end = self.now + seconds
        while (instant := self.core.deadline()) <= end:
            self.now = max(instant, self.now)
            self.core.on_message([b"\x02"], self.now)
            self._do(self.core.on_tick(self.now))
        self.now = end

    def names(self):
        """The names of the jobs submitted since the last look."""
        return [submit.id for submit in self.take()]

    def take(self):
        sent, self.sent = self.sent, []
        return sent

    def _do(self, actions):
        actions = actions + answers(self.core)
        messages = [action.message for action in actions if isinstance(action, Send)]
        messages += [Data(a.get.id, "", a.get.offset, (a.part,)) for a in actions if isinstance(a, ReadBlob)]
        self.sent += [message for message in messages if isinstance(message, Submit)]
        return messages


@pytest.fixture
def client():
    return Client()


def names(*numbers):
    return [b"%d" % number for number in numbers]


def accept(client, jobs):
    client.hears(*(Accepted(job) for job in jobs))


def refuse(client, jobs):
    client.hears(*(Busy(job, WAIT) for job in jobs))


# --- the window ----


def test_an_idle_broker_is_given_thousands_of_small_jobs_at_once_and_the_rest_as_it_answers(client):
    client.submit(*names(*range(4 * WINDOW_JOBS)))
    sizes = []
    for _ in range(4):
        accepted = client.names()
        sizes.append(len(accepted))
        accept(client, accepted)
    assert sizes == [FIRST_JOBS, 2 * FIRST_JOBS, WINDOW_JOBS, WINDOW_JOBS]


def test_no_more_bytes_of_images_are_on_their_way_than_the_window_has(client):
    client.submit(*names(*range(10)), image=IMAGE)
    assert client.names() == names(*range(AT_ONCE))
    accept(client, names(0))
    assert client.names() == names(AT_ONCE)


def test_after_a_refusal_nothing_is_sent_but_a_probe_when_it_is_time_for_one(client):
    client.submit(*names(*range(100)))
    client.take()
    accept(client, names(*range(90)))
    refuse(client, names(*range(90, 100)))
    client.submit(*names(100, 101))
    client.passes(WAIT - 0.1)
    assert client.names() == []
    client.passes(WAIT + 0.5)
    assert client.names() == names(90)


def test_every_job_that_is_accepted_opens_the_window_by_one_more(client):
    client.submit(*names(*range(100)))
    client.take()
    refuse(client, names(*range(100)))
    client.passes(2 * WAIT + 0.5)
    sizes = []
    for _ in range(5):
        accepted = client.names()
        sizes.append(len(accepted))
        accept(client, accepted)
    assert sizes == [1, 2, 4, 8, 16]


def test_an_outcome_in_place_of_an_answer_opens_the_window_too(client):
    client.submit(*names(*range(8)))
    client.take()
    refuse(client, names(*range(8)))
    client.passes(2 * WAIT + 0.5)
    client.hears(*(Failed(name, "permanent", "No.") for name in client.names()))
    assert len(client.names()) == 2


def test_a_refused_probe_is_followed_by_another_wait(client):
    client.submit(b"a", b"b")
    for _ in range(3):
        probes = client.names()
        refuse(client, probes)
        client.passes(WAIT - 0.1)
        assert client.names() == []
        client.passes(WAIT + 0.5)
    assert client.names() == [b"a"]


# --- urgent jobs ----


def test_an_urgent_job_is_sent_before_all_that_wait(client):
    client.submit(*names(*range(FIRST_JOBS + 10_000)))
    client.submit(b"urgent", priority=0)
    client.take()
    accept(client, names(0))
    assert client.names() == [b"urgent", b"%d" % FIRST_JOBS]


def test_an_urgent_job_does_not_wait_because_others_were_refused(client):
    client.submit(b"backfill")
    refuse(client, client.names())
    client.submit(b"urgent", priority=0)
    assert client.names() == [b"urgent"]
    refuse(client, [b"urgent"])
    client.submit(b"another", priority=0)
    assert client.names() == []


# --- images that were refused ----


def test_a_refused_image_is_not_sent_twice_but_offered_at_once_without_its_bytes(client):
    client.submit(b"image", image=IMAGE)
    (first,) = client.take()
    refuse(client, [b"image"])
    (second,) = client.take()
    assert (first.payload, second.payload, second.size) == ((IMAGE,), (), len(IMAGE))
    accept(client, [b"image"])
    part = client.hears(Get(b"image", "", 1 << 20, 3))
    assert part == [Data(b"image", "", 1 << 20, (b"\0\0\0",))]


def test_a_small_image_is_cheaper_to_send_again(client):
    client.submit(b"small", image=bytes(SMALL_IMAGE))
    client.take()
    refuse(client, [b"small"])
    assert client.take() == []
    client.passes(2 * WAIT + 0.5)
    assert [len(submit.payload) for submit in client.take()] == [1]


def test_with_no_room_for_jobs_at_all_only_probes_without_images_go_out(client):
    client.submit(*names(*range(10)), image=IMAGE)
    sent = 0
    for _ in range(10):
        submits = client.take()
        sent += sum(len(frame) for submit in submits for frame in submit.payload)
        refuse(client, [submit.id for submit in submits])
        client.passes(2 * WAIT + 0.5)
    assert sent == WINDOW_BYTES


def test_how_many_images_the_broker_takes_is_learnt_from_its_refusals(client):
    """The broker has room for 20, and the application has 40 under way at once."""
    waiting, under_way, held = names(*range(400)), [], set()
    carried = refused = 0
    while waiting or under_way:
        while waiting and len(under_way) < 40:
            under_way.append(waiting.pop(0))
            client.submit(under_way[-1], image=IMAGE)
        for submit in client.take():
            if submit.payload and len(held) == 20:
                refused += 1
                refuse(client, [submit.id])
                continue
            if submit.payload:
                carried += 1
                held.add(submit.id)
            accept(client, [submit.id])
        if not client.sent:
            held.discard(under_way[0])
            client.hears(Failed(under_way.pop(0), "permanent", "No."))
    assert AT_ONCE <= refused <= 400 / 20
    assert carried >= 400 / 4


# --- what is lost ----


def test_what_was_sent_before_an_answered_job_and_has_no_answer_is_sent_again_at_once(client):
    client.submit(b"lost", b"too", b"here")
    client.take()
    accept(client, [b"here"])
    assert client.names() == [b"lost", b"too"]


def test_when_all_on_its_way_was_lost_it_is_repeated_without_images(client):
    client.submit(*names(*range(10)), image=IMAGE)
    client.take()
    client.passes(ACCEPT_PATIENCE + 0.5)
    again = client.take()
    assert [submit.id for submit in again] == names(*range(AT_ONCE))
    assert all(submit.payload == () for submit in again)
    accept(client, names(*range(AT_ONCE)))
    assert client.names() == names(*range(AT_ONCE, 2 * AT_ONCE))


def test_an_answer_to_what_was_sent_twice_tells_nothing_of_others(client):
    client.submit(b"a", b"b")
    client.passes(ACCEPT_PATIENCE + 0.5)
    client.take()
    accept(client, [b"b"])  # to the first or to the second: a may still be on its way
    assert client.names() == []
    client.passes(ACCEPT_PATIENCE + 0.5)
    assert client.names() == [b"a"]


def test_a_link_that_is_slow_is_not_given_everything_twice(client):
    client.submit(*names(*range(5)))
    client.take()
    for name in names(*range(5)):
        client.passes(ACCEPT_PATIENCE - 1)
        accept(client, [name])
    assert client.names() == []


def test_a_new_session_is_told_of_everything_with_images_and_in_the_old_order(client):
    client.submit(*names(*range(3)), image=IMAGE)
    client.submit(b"urgent", priority=0)
    client.take()
    accept(client, names(0))
    refuse(client, names(1))
    client.take()
    client.hears(Hello(b"next life", b"other", 1.0, 4, INLINE_LIMIT))
    again = client.take()
    assert [submit.id for submit in again] == [b"urgent", *names(0, 1, 2)]
    assert all(submit.payload for submit in again)


def test_a_job_that_was_cancelled_while_it_waited_is_not_sent(client):
    client.submit(*names(*range(FIRST_JOBS + 2)))
    client.take()
    client.core.cancel(b"%d" % FIRST_JOBS, client.now)
    accept(client, names(0))
    assert client.names() == names(FIRST_JOBS + 1)
