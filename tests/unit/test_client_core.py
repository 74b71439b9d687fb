"""The client's side of the wire, with a clock moved by hand."""

import itertools

import pytest
from msgspec import structs

from filterfleet.common.client.actions import Deliver, ReadBlob, Tell
from filterfleet.common.client.settings import ACCEPT_PATIENCE, ROOM_PATIENCE, SHORTAGES
from filterfleet.common.errors import ProtocolError
from filterfleet.common.jobs.job import Job
from filterfleet.common.wire import (
    MINOR,
    Accepted,
    Beat,
    Busy,
    Cancel,
    Catalogue,
    Data,
    Failed,
    Get,
    Nack,
    OutputFile,
    Result,
    ResultOk,
    Status,
    StatusRequest,
    Submit,
    encode,
)
from filterfleet.common.wire.actions import Discard, Open, Send, Store
from filterfleet.common.wire.messages import CHUNK, TAG
from tests.memory_file import FullDisk, MemoryFile
from tests.unit.client_rig import (
    FAILED,
    HELLO,
    JOB,
    OTHER_HELLO,
    RESULT,
    SUBMIT,
    Client,
    delivered,
    sent,
    submissions,
)


@pytest.fixture
def client():
    """One that has met a broker."""
    client = Client()
    client.hears(HELLO)
    return client


def test_it_opens_a_socket_under_a_tagged_identity_and_makes_itself_known():
    opened, beat = Client().opening
    assert opened.identity.startswith(TAG)
    assert beat == Send(Beat(b"", minor=MINOR))


def test_nothing_is_submitted_before_the_broker_has_answered():
    client = Client()
    assert client.submit(JOB) == []
    assert client.hears(HELLO) == [Tell(HELLO), Send(SUBMIT)]


def test_a_job_is_submitted_delivered_once_and_acknowledged_when_the_application_says_so(client):
    assert client.submit(JOB) == [Send(SUBMIT)]
    client.hears(Accepted(b"job"))
    assert client.hears(RESULT) == [Deliver(b"job", RESULT)]
    assert client.hears(RESULT) == []  # sent again, since nobody has acknowledged it
    assert client.acknowledge(b"job") == [Send(ResultOk(b"job"))]
    assert client.acknowledge(b"job") == []
    assert client.hears(RESULT) == [Send(ResultOk(b"job"))]  # the acknowledgement was lost


def test_a_failure_is_an_outcome_like_any_other(client):
    client.submit(JOB)
    assert client.hears(FAILED) == [Deliver(b"job", FAILED)]
    assert client.hears(RESULT) == []


def test_an_outcome_that_is_not_delivered_yet_cannot_be_acknowledged(client):
    client.submit(JOB)
    assert client.acknowledge(b"job") == []
    assert client.hears(RESULT) == [Deliver(b"job", RESULT)]


def test_a_job_under_way_is_not_submitted_twice(client):
    client.submit(JOB)
    assert client.submit(JOB) == []


def test_a_submission_nobody_answered_is_repeated(client):
    client.submit(JOB)
    first, second = submissions(client.until(2 * ACCEPT_PATIENCE + 1))
    assert ACCEPT_PATIENCE <= first <= ACCEPT_PATIENCE + 0.5
    assert first + ACCEPT_PATIENCE <= second <= first + ACCEPT_PATIENCE + 0.5


def test_an_accepted_job_is_not_submitted_again(client):
    client.submit(JOB)
    client.hears(Accepted(b"job"))
    assert submissions(client.until(60.0)) == []


def test_a_busy_broker_is_asked_again_after_the_time_it_named(client):
    client.submit(JOB)
    client.hears(Busy(b"job", 2.0))
    (again,) = submissions(client.until(2.0 * 2 + 0.5))
    assert 2.0 <= again <= 4.5


def test_hello_of_a_new_session_makes_every_job_without_outcome_be_submitted_again(client):
    for name in (b"accepted", b"pulling", b"delivered", b"acknowledged"):
        client.submit(Job(name, b"recipe", (), 5, (b"image",)))
        client.hears(Accepted(name))
    client.hears(Result(b"pulling", RESULT.outputs, {}))
    for name in (b"delivered", b"acknowledged"):
        client.hears(Failed(name, "permanent", "No."))
    client.acknowledge(b"acknowledged")
    actions = client.hears(OTHER_HELLO)
    assert {submit.id for submit in sent(actions, Submit)} == {b"accepted", b"pulling"}
    assert client.hears(OTHER_HELLO) == []
    assert delivered(client.hears(Result(b"pulling", RESULT.outputs, {}, (b"png",))))


def test_where_there_is_another_broker_a_silent_one_is_left_for_it_and_all_jobs_go_along():
    client = Client(brokers=2)
    client.submit(JOB)
    client.hears(HELLO)
    client.hears(Accepted(b"job"))
    (opened,) = [action for _, action in client.until(4.0, broker_alive=False) if isinstance(action, Open)]
    assert opened.broker == 1
    assert client.hears(OTHER_HELLO, now=4.0) == [Tell(OTHER_HELLO), Send(SUBMIT)]


def test_a_silent_broker_is_met_again_on_new_sockets_after_doubling_delays():
    client = Client()
    found = client.until(200.0, broker_alive=False)
    instants = [0.0] + [when for when, action in found if isinstance(action, Open)]
    delays = [later - earlier - 4.0 for earlier, later in itertools.pairwise(instants)]
    assert delays[:7] == [1, 2, 4, 8, 16, 32, 32]
    identities = {action.identity for _, action in found if isinstance(action, Open)}
    assert len(identities) == len(instants) - 1


def test_what_has_no_outcome_is_submitted_again_on_the_new_socket(client):
    client.submit(JOB)
    client.hears(Accepted(b"job"))
    found = client.until(5.0, broker_alive=False)
    assert isinstance(found[-2][1], Open)
    assert not client.core.connected
    assert sent(client.hears(HELLO, now=5.0), Submit) == [SUBMIT]  # though the session's name is the same


def test_heartbeats_name_the_session(client):
    beats = [(when, action.message) for when, action in client.until(3.0) if isinstance(action.message, Beat)]
    assert beats == [(float(second), Beat(b"session", minor=MINOR)) for second in (1, 2, 3)]


# --- pulling ----


def test_a_part_of_the_image_is_read_when_the_broker_asks_for_it(client):
    big = Job(b"big", b"recipe", (), 3 * CHUNK)
    assert sent(client.submit(big), Submit)[0].payload == ()
    get = Get(b"big", "", CHUNK, CHUNK)
    assert client.hears(get) == [ReadBlob(get)]


@pytest.mark.parametrize("get", [Get(b"job", "", 3, 3), Get(b"job", "edges", 0, 1), Get(b"job", "", 5, 1)])
def test_nothing_outside_the_image_is_read(client, get):
    client.submit(JOB)
    assert client.hears(get) == []


def test_whoever_asks_for_a_forgotten_job_is_told_that_nobody_wants_it(client):
    assert client.hears(Get(b"unknown", "", 0, 1)) == [Send(Cancel(b"unknown"))]


def test_big_outputs_are_pulled_one_after_the_other_and_delivered_whole(client):
    client.submit(JOB)
    blobs = {"a": bytes(CHUNK) + b"tail", "b": b"", "c": b"small"}
    outputs = tuple(OutputFile(name, "png", len(blob)) for name, blob in blobs.items())
    asked = sent(client.hears(Result(b"job", outputs, {"width": 1})), Get)
    assert [(get.blob, get.offset, get.length) for get in asked] == [("a", 0, CHUNK), ("a", CHUNK, 4)]
    client.hears(Data(b"job", "a", CHUNK, (b"tail",)))
    assert client.hears(Result(b"job", outputs, {"width": 1})) == []  # said again while we are at it
    assert sent(client.hears(Data(b"job", "a", 0, (bytes(CHUNK),))), Get) == [Get(b"job", "c", 0, 5)]
    (done,) = delivered(client.hears(Data(b"job", "c", 0, (b"small",))))
    assert done.outcome == Result(b"job", outputs, {"width": 1}, tuple(blobs.values()))
    assert client.hears(Data(b"job", "c", 0, (b"small",))) == []


def test_outputs_in_a_share_are_a_failure_for_now_unless_the_image_is_in_one(client):
    client.submit(JOB)
    client.submit(structs.replace(JOB, id=b"other", payload=(), reference=b"sealed"))
    left = Result(b"job", RESULT.outputs, {}, left=bytes(16))
    lie, done = delivered(client.hears(left, structs.replace(left, id=b"other")))
    assert isinstance(lie.outcome, Failed)
    assert (lie.outcome.kind, done.outcome.left) == ("transient", left.left)


def test_a_lost_chunk_is_asked_for_again(client):
    client.submit(JOB)
    client.hears(Accepted(b"job"), Result(b"job", RESULT.outputs, {}))
    again = [when for when, action in client.until(6.0) if isinstance(action.message, Get)]
    assert len(again) == 1
    assert 5.0 <= again[0] <= 5.5


def no_file():
    raise OSError(24, "Too many open files")


@pytest.mark.parametrize(
    ("new_file", "error"), [(FullDisk, "No space left on device"), (no_file, "Too many open files")]
)
def test_a_disk_without_room_for_outputs_is_a_failure_for_now_when_it_stays_full(new_file, error):
    client = Client(new_file)
    client.hears(HELLO)
    client.submit(JOB)
    now = 0.0
    for _ in range(SHORTAGES):
        actions = client.hears(Accepted(b"job"), Result(b"job", RESULT.outputs, {}), now=now)
        actions += client.hears(Data(b"job", "edges", 0, (b"png",)), now=now)
        began, now = now, now + 2 * ROOM_PATIENCE + 1
        again = submissions(client.until(now))
        assert all(began + ROOM_PATIENCE <= when <= now for when in again)
    assert not again
    reason = f"The outputs cannot be kept on their way to the output folder: {error} ($TMPDIR)."
    assert delivered(actions) == [Deliver(b"job", Failed(b"job", "transient", reason))]
    assert sent(client.acknowledge(b"job", now), ResultOk) == [ResultOk(b"job")]


def test_outputs_that_found_no_room_are_fetched_when_there_is_some(client):
    room = [FullDisk(), MemoryFile()]
    client = Client(lambda: room.pop(0))
    client.hears(HELLO)
    client.submit(JOB)
    client.hears(Accepted(b"job"), Result(b"job", RESULT.outputs, {}))
    assert client.hears(Data(b"job", "edges", 0, (b"png",))) == []
    assert client.hears(Data(b"job", "edges", 0, (b"png",))) == []  # too late
    assert len(submissions(client.until(2 * ROOM_PATIENCE + 1))) == 1
    client.hears(Accepted(b"job"), Result(b"job", RESULT.outputs, {}), now=21.0)
    (done,) = delivered(client.hears(Data(b"job", "edges", 0, (b"png",)), now=21.0))
    assert done.outcome == RESULT


def test_another_workers_result_begins_the_pull_anew(client):
    client.submit(JOB)
    client.hears(Result(b"job", (OutputFile("edges", "png", 3),), {"worker": "dead"}))
    other = Result(b"job", (OutputFile("edges", "png", 4),), {"worker": "alive"})
    assert sent(client.hears(other), Get) == [Get(b"job", "edges", 0, 4)]
    (done,) = delivered(client.hears(Data(b"job", "edges", 0, (b"four",))))
    assert done.outcome.payload == (b"four",)


def test_a_part_that_was_stored_for_another_result_is_not_counted_for_this_one(client):
    core = client.core
    client.submit(JOB)
    client.hears(Result(b"job", RESULT.outputs, {"worker": "dead"}))
    part, other = Data(b"job", "edges", 0, (b"old",)), Result(b"job", RESULT.outputs, {"worker": "alive"})
    actions = core.on_message(encode([part, other]), 0.0)
    assert actions == [Store(1, 0, b"old"), Discard(1), Send(Get(b"job", "edges", 0, 3))]
    assert core.on_stored(1, 0, 0.0) == [Discard(1)]
    assert core.on_message(encode([Data(b"job", "edges", 0, (b"new",))]), 0.0) == [Store(2, 0, b"new")]
    assert core.on_stored(2, 0, 0.0) == [Deliver(b"job", other, (2,))]


@pytest.mark.parametrize("end", ["cancelled", "failed", "another session", "inline"])
def test_half_a_pull_is_discarded_when_nobody_needs_it_any_more(client, end):
    core = client.core
    client.submit(JOB)
    client.hears(Result(b"job", (OutputFile("a", "png", 2 * CHUNK), OutputFile("b", "png", 1)), {}))
    client.hears(Data(b"job", "a", 0, (bytes(CHUNK),)))
    assert len(client.shelf.files) == 1
    match end:
        case "cancelled":
            actions = core.cancel(b"job", 0.0)
        case "failed":
            actions = core.on_message(encode([FAILED]), 0.0)
        case "another session":
            actions = core.on_message(encode([OTHER_HELLO]), 0.0)
        case "inline":
            actions = core.on_message(encode([RESULT]), 0.0)
    assert [action for action in actions if isinstance(action, Discard)] == [Discard(1), Discard(2)]


# --- the rest ----


def test_a_cancelled_job_is_forgotten_whatever_comes_of_it(client):
    client.submit(JOB)
    assert client.core.cancel(b"job", 0.0) == [Send(Cancel(b"job"))]
    assert client.core.cancel(b"job", 0.0) == []
    assert client.hears(RESULT) == [Send(ResultOk(b"job"))]


def test_a_job_that_was_cancelled_and_has_come_again_is_not_fetched_before_it_is_sent_again(client):
    """Its result was on the way when the broker was told to forget the job. Nobody would answer for its outputs."""
    client.submit(JOB)
    client.hears(Accepted(b"job"))
    client.core.cancel(b"job", 0.0)
    client.core.submit(JOB)
    actions = client.hears(Result(b"job", RESULT.outputs, {}))
    assert (sent(actions, Submit), sent(actions, Get)) == ([SUBMIT], [])
    assert sent(client.hears(Accepted(b"job"), Result(b"job", RESULT.outputs, {})), Get) != []


def test_a_job_that_was_cancelled_and_has_come_again_is_sent_again_whatever_was_accepted_before(client):
    client.submit(JOB)
    client.core.cancel(b"job", 0.0)
    client.core.submit(JOB)
    assert sent(client.hears(Accepted(b"job")), Submit) == [SUBMIT]


def test_news_of_the_fleet_are_told(client):
    catalogue, status = Catalogue(("canny",), 2), Status({"tasks": 0})
    assert client.core.request_status(0.0) == [Send(StatusRequest())]
    assert client.hears(catalogue, status) == [Tell(catalogue), Tell(status)]


@pytest.mark.parametrize("frames", [[b"\x01"], [b""], [b"address", b"", b"body"], encode([Nack(b"x")])])
def test_what_no_broker_sends_to_a_client_is_refused(client, frames):
    with pytest.raises(ProtocolError):
        client.core.on_message(frames, 0.0)


def test_what_comes_after_the_socket_was_given_up_changes_nothing(client):
    client.submit(JOB)
    client.core.on_tick(100.0)
    assert client.hears(RESULT, now=100.1) == []
    assert client.core.deadline() > 100.1
