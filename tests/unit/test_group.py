"""What is published together, and that nobody hears of it before it is durable."""

from __future__ import annotations

from filterfleet.common.wire import Result
from filterfleet.listener.core.actions import Acknowledge, Copy, Publish, Write
from filterfleet.listener.core.events import Copied, Ended, Loaded, Published, Trouble, Written
from filterfleet.listener.core.group import Groups
from filterfleet.listener.core.settings import ENOUGH, FIRST_PAUSE, GATHER, HASTE, MOST_TOGETHER
from filterfleet.listener.core.work import State
from tests.unit.listener_rig import DIGEST, DONE, JOB, OUTPUTS, V1, V2, Rig, of

BROKEN = Trouble("The disk reports an error.", transient=True)
MANY = 1000  # paths under way


def test_a_path_that_is_alone_under_way_does_not_wait():
    groups = Groups()
    assert groups.close(0.0, under_way=0) == ()
    groups.add("a", 0.0, 1.0, urgent=False)
    assert groups.close(0.0, under_way=1) == ("a",)


def test_the_backfill_waits_for_company_and_not_for_long():
    groups = Groups()
    groups.add("a", 0.0, 1.0, urgent=False)
    assert groups.close(0.0, MANY) == ()
    groups.add("b", 0.9 * GATHER, 1.0, urgent=False)
    assert groups.next == GATHER
    assert groups.close(0.9 * GATHER, MANY) == ()
    assert groups.close(GATHER, MANY) == ("a", "b")


def test_enough_paths_do_not_wait():
    groups = Groups()
    for number in range(ENOUGH):
        assert groups.close(0.0, MANY) == ()
        groups.add(str(number), 0.0, 1.0, urgent=False)
    assert len(groups.close(0.0, MANY)) == ENOUGH


def test_a_fresh_upload_waits_for_a_small_share_of_the_time_that_it_has_taken():
    groups = Groups()
    groups.add("a", 0.0, 1.0, urgent=False)
    groups.add("b", 0.0, 0.03, urgent=True)
    assert groups.close(0.0, MANY) == ()
    assert groups.next == HASTE * 0.03
    groups.add("c", HASTE * 0.03, 100.0, urgent=True)
    assert groups.close(HASTE * 0.03, MANY) == ("b", "c", "a")


def test_a_fresh_upload_waits_no_longer_than_the_backfill():
    groups = Groups()
    groups.add("a", 0.0, 1000.0, urgent=True)
    assert groups.next == GATHER


def test_a_fresh_upload_waits_for_no_more_than_one_group():
    groups = Groups()
    for number in range(3 * MOST_TOGETHER):
        groups.add(str(number), 0.0, 1.0, urgent=False)
    assert len(groups.close(0.0, MANY)) == MOST_TOGETHER
    groups.add("fresh", 0.0, 1.0, urgent=True)
    groups.ended()
    group = groups.close(0.0, MANY)
    assert group[0] == "fresh"
    assert len(group) == MOST_TOGETHER


def test_a_crowd_is_published_group_by_group_without_waiting():
    groups = Groups()
    crowd = [str(number) for number in range(2 * MOST_TOGETHER + 1)]
    for path in crowd:
        groups.add(path, 0.0, 1.0, urgent=path in crowd[-MOST_TOGETHER - 1 :])
    published = []
    while groups.close(0.0, MANY):
        published += groups.ended()
    assert published == [*crowd[-MOST_TOGETHER - 1 :], *crowd[: -MOST_TOGETHER - 1]]
    assert groups.next == float("inf")


def test_the_next_group_is_closed_when_the_one_before_has_ended():
    groups = Groups()
    groups.add("a", 0.0, 0.0, urgent=True)
    assert groups.close(0.0, MANY) == ("a",)
    groups.add("b", 0.0, 0.0, urgent=True)
    assert groups.close(1.0, MANY) == ()
    assert groups.next == float("inf")
    assert groups.ended() == ("a",)
    assert groups.close(1.0, MANY) == ("b",)


def written() -> Rig:
    """A rig with one path, whose outputs are being published."""
    rig = Rig()
    rig.lists(a=V1)
    rig.on(Loaded("a", DIGEST, b"image"))
    rig.on(DONE)
    rig.core.on(Written("a", 0.5), rig.now)
    assert rig.tick() == [Publish(("a",))]
    return rig


def test_what_could_not_be_published_is_written_again_and_recorded_by_nobody():
    rig = written()
    assert of(Acknowledge, [*rig.core.on(Published({"a": BROKEN}), rig.now), *rig.tick()]) == []
    assert rig.state("a") == "pending"
    assert rig.tick(FIRST_PAUSE) == [Write("a", DONE.outcome, urgent=False)]
    assert of(Acknowledge, rig.on(Written("a", 0.5))) == [Acknowledge(JOB)]
    assert rig.state("a") == "done"


def test_what_can_never_be_published_has_failed():
    rig = written()
    rig.on(Published({"a": Trouble("a is a folder.", transient=False)}))
    assert rig.state("a") == "failed"
    assert rig.core.idle


def test_of_a_group_only_the_path_in_trouble_waits():
    rig = Rig()
    rig.lists(a=V1, b=V2)
    other = b"e" * 32
    for path, digest in (("a", DIGEST), ("b", other)):
        rig.on(Loaded(path, digest, b"image"))
        job = digest + JOB[32:]
        rig.on(Ended(job, Result(job, OUTPUTS, {}, (b"png",))))
        rig.core.on(Written(path, 0.5), rig.now)
    assert of(Publish, rig.tick(GATHER)) == [Publish(("a", "b"))]
    assert of(Acknowledge, rig.on(Published({"a": BROKEN}))) == [Acknowledge(other + JOB[32:])]
    assert (rig.state("a"), rig.state("b")) == ("pending", "done")


def test_a_copy_that_could_not_be_published_is_made_again():
    rig = Rig()
    rig.lists(a=V1)
    for event in (Loaded("a", DIGEST, b"image"), DONE, Written("a", 0.5)):
        rig.on(event)
    rig.lists_next({"a": V1, "b": V2})
    rig.on(Loaded("b", DIGEST, b"image"))
    rig.core.on(Copied("b", found=True), rig.now)
    assert rig.tick() == [Publish(("b",))]
    rig.on(Published({"b": BROKEN}))
    assert rig.core.desk.is_busy("a"), "its outputs are still needed"
    assert [action.path for action in of(Copy, rig.tick(FIRST_PAUSE))] == ["b"]
    rig.on(Copied("b", found=True))
    assert rig.state("b") == "done"
    assert not rig.core.desk.is_busy("a")


def test_what_is_written_when_the_listener_ends_is_published_and_recorded():
    rig = Rig()
    rig.lists(a=V1, b=V2)
    rig.on(Loaded("a", DIGEST, b"image"))
    rig.on(DONE)
    rig.core.on(Written("a", 0.5), rig.now)
    assert rig.core.desk.works["a"].state is State.PUBLISHING
    rig.core.stop()
    assert rig.core.publish_rest() == [Publish(("a",))]
    rig.core.on(Published({}), rig.now)
    assert rig.core.end() == [Acknowledge(JOB)]
    assert rig.state("a") == "done"
