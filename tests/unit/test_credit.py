"""How many tasks a worker holds: more when they are short, fewer as soon as they are long or large."""

import pytest
from msgspec.structs import replace

from filterfleet.common.wire import MINOR, Beat, Credit, Drain, Nack, Task, Tasks
from filterfleet.common.wire.actions import Send
from filterfleet.worker.leases.actions import Abandon, Profile, Run
from filterfleet.worker.leases.pace import SMALL, Pace
from filterfleet.worker.leases.settings import CROWD, MOST_PREFETCH, PREFETCH, RESERVE_BYTES
from tests.unit.worker_rig import HELLO, Worker, sent

PROFILE = Profile(2, PREFETCH, (), "host/1", "1.0", 1 << 30)
MODERN = replace(HELLO, minor=MINOR)
IMAGES = PROFILE.slots
MOST = PROFILE.threads + MOST_PREFETCH


def pace(seconds, size=16, tasks=100):
    pace = Pace(PROFILE)
    pace.came(tasks, size * tasks)
    pace.worked(tasks, seconds * tasks)
    pace.grows()
    return pace


# --- the pace ----


@pytest.mark.parametrize("seconds", [0.005, 0.02, 1.0, 1000.0])
def test_a_worker_of_images_holds_few(seconds):
    assert pace(seconds).slots == IMAGES


@pytest.mark.parametrize(
    ("seconds", "reserve"), [(0.001, 8), (0.0001, 64), (0.00001, MOST_PREFETCH), (0.0, MOST_PREFETCH)]
)
def test_the_shorter_the_tasks_the_more(seconds, reserve):
    assert pace(seconds).slots == PROFILE.threads + reserve


def test_large_images_are_few_however_short_the_work():
    assert pace(0.0, size=8 << 20).slots == IMAGES
    assert pace(0.0, size=RESERVE_BYTES // 16).slots == PROFILE.threads + 16


def test_one_long_task_among_many_short_ones_counts_for_a_while():
    found = pace(0.0)
    found.worked(1, 10.0)
    assert found.shrinks(0.0)
    assert found.slots == IMAGES
    found.worked(8, 0.0)
    assert found.grows()


# --- what the broker is told ----


def fast(worker=None):
    """A worker that has done very short tasks, and said so."""
    worker = worker or Worker(PROFILE)
    worker.hears(MODERN)
    worker.session.on_worked(100, 0.0)
    assert worker.session.on_tick(0.0) == [Send(credit(MOST))]
    return worker


def credit(slots):
    return Credit(slots, PROFILE.threads, (), "host/1", "1.0", MINOR)


def tasks(*names, size=1):
    return Tasks(names, b"recipe", (size,) * len(names), 60.0, (b"x" * size * len(names),))


def test_the_broker_is_told_of_another_pace_once():
    assert fast().session.on_tick(0.0) == []


def test_the_same_broker_is_told_the_present_number_again():
    assert fast().hears(MODERN) == [Send(credit(MOST))]


def test_another_broker_has_to_show_its_tasks_first():
    assert sent(fast().hears(replace(MODERN, session=b"other")), Credit) == [credit(IMAGES)]


def test_a_broker_of_an_earlier_version_is_asked_for_few():
    """It would race every task that waits."""
    worker = Worker(PROFILE)
    worker.hears(HELLO)
    worker.session.on_worked(100, 0.0)
    assert worker.session.on_tick(0.0) == []


def test_within_a_heartbeat_others_have_what_waits_behind_a_long_task():
    worker = fast()
    worker.hears(tasks(*(b"%d" % number for number in range(10))))
    worker.session.on_begun(b"0", 0.0)
    worker.session.on_begun(b"1", 0.9)
    actions = worker.session.on_tick(1.0)
    kept = [b"%d" % number for number in range(IMAGES)]
    given = [b"%d" % number for number in reversed(range(IMAGES, 10))]
    assert actions[0] == Send(credit(IMAGES))  # first, or the broker would send them back
    assert [action.lease for action in actions if isinstance(action, Abandon)] == given
    assert [nack.id for nack in sent(actions, Nack)] == given
    (beat,) = sent(actions, Beat)
    assert (list(beat.leases), list(beat.waiting)) == (kept, kept[2:])


def test_a_short_task_that_runs_while_the_heart_beats_changes_nothing():
    worker = fast()
    worker.hears(tasks(b"a", b"b"))
    worker.session.on_begun(b"a", 1.0)
    assert [type(action.message) for action in worker.session.on_tick(1.0)] == [Beat]


def test_large_images_make_it_change_its_mind_at_once():
    """Its slots would let the broker fill the memory with them."""
    worker = fast()
    size = 4 << 20
    held = set()
    for number in range(MOST):
        for action in worker.hears(Task(b"%d" % number, b"", size, 60.0, payload=(bytes(size),))):
            if isinstance(action, Run):
                held.add(action.lease)
            elif isinstance(action, Abandon):
                held.remove(action.lease)
        assert len(held) <= CROWD * (PROFILE.threads + RESERVE_BYTES // size)


def test_small_images_may_fill_its_slots():
    worker = fast()
    runs = worker.hears(tasks(*(b"%d" % number for number in range(100)), size=SMALL // 16))
    assert len(runs) == 100


def test_a_worker_that_drains_is_not_given_more():
    worker = fast()
    worker.session.drain(0.0)
    assert {type(action.message) for action in worker.hears(tasks(b"a", b"b"))} == {Nack, Drain}
