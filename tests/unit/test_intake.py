import pytest

from filterfleet.listener.core.intake import DISK, MADE, MEMORY, REFILL, RESERVE, Intake
from filterfleet.listener.core.scan import Version

SMALL = Version(1, 0)
SMALL_BYTES = 8 << 20
WINDOW = 16


def taken(intake):
    found = []
    while (item := intake.take()) is not None:
        found.append(item[0])
    return found


def test_fresh_uploads_go_before_the_backfill():
    intake = Intake(WINDOW, SMALL_BYTES)
    intake.add("old", SMALL, fresh=False)
    intake.add("new", SMALL, fresh=True)
    assert intake.take() == ("new", SMALL, True)
    assert intake.take() == ("old", SMALL, False)
    assert intake.take() is None


def test_no_more_objects_than_the_window_are_under_way():
    intake = Intake(WINDOW, SMALL_BYTES)
    for n in range(WINDOW + 2):
        intake.add(str(n), SMALL, fresh=False)
    assert taken(intake) == [str(n) for n in range(WINDOW)]
    assert intake.waiting == 2


def test_a_window_that_was_full_is_refilled_when_several_have_left_it():
    intake = Intake(4 * REFILL, SMALL_BYTES)
    for n in range(8 * REFILL):
        intake.add(str(n), SMALL, fresh=False)
    assert len(taken(intake)) == 4 * REFILL
    for path in "012":
        intake.release(path)
        assert taken(intake) == []
    intake.release("3")
    assert len(taken(intake)) == 4
    intake.release("4")
    assert taken(intake) == []
    intake.add("new", SMALL, fresh=True)
    assert taken(intake) == ["new"], "a fresh upload has room of its own, and does not wait"


def test_a_small_window_is_refilled_at_once():
    intake = Intake(REFILL - 1, SMALL_BYTES)
    for n in range(2 * REFILL):
        intake.add(str(n), SMALL, fresh=False)
    taken(intake)
    intake.release("0")
    assert len(taken(intake)) == 1


def test_objects_whose_outputs_are_made_leave_room_for_others_up_to_a_limit():
    intake = Intake(1, SMALL_BYTES)
    names = [str(n) for n in range(MADE + 2)]
    for name in names:
        intake.add(name, SMALL, fresh=False)
    for name in names[: MADE + 1]:
        assert taken(intake) == [name]
        assert taken(intake) == [], "the one place of the window is taken"
        intake.add_outputs(name, 1)
    assert taken(intake) == [], "nothing has been recorded"
    intake.release(names[0])
    assert taken(intake) == [names[-1]]
    for name in names[1:]:
        intake.release(name)
    assert intake.idle


def test_a_full_window_has_some_room_left_for_fresh_uploads():
    intake = Intake(WINDOW, SMALL_BYTES)
    for n in range(WINDOW + 1):
        intake.add(f"old {n}", SMALL, fresh=False)
    taken(intake)
    for n in range(RESERVE + 1):
        intake.add(f"new {n}", SMALL, fresh=True)
    assert taken(intake) == [f"new {n}" for n in range(RESERVE)]


@pytest.mark.parametrize(("limit", "small"), [(MEMORY, MEMORY), (DISK, 0)])
def test_no_more_bytes_than_the_limit_are_under_way(limit, small):
    intake = Intake(WINDOW, small)
    half = Version(limit // 2, 0)
    for name in "abc":
        intake.add(name, half, fresh=False)
    assert taken(intake) == ["a", "b"]
    intake.release("a")
    assert taken(intake) == ["c"]


def test_large_images_take_no_room_from_small_ones():
    intake = Intake(WINDOW, SMALL_BYTES)
    for number in range(4):
        intake.add(f"large {number}", Version(DISK // 4, 0), fresh=False)
        intake.add(f"small {number}", Version(SMALL_BYTES, 0), fresh=False)
    assert len(taken(intake)) == 8


def test_an_image_bigger_than_the_limit_goes_when_it_is_alone_in_memory():
    intake = Intake(WINDOW, 2 * MEMORY)
    for name, size in (("before", 1), ("giant", 2 * MEMORY), ("next", 1)):
        intake.add(name, Version(size, 0), fresh=False)
    assert taken(intake) == ["before"]
    intake.release("before")
    assert taken(intake) == ["giant"]
    intake.release("giant")
    assert taken(intake) == ["next"]


def test_an_image_bigger_than_the_limit_goes_when_it_is_alone_on_disk_and_small_ones_beside_it():
    intake = Intake(WINDOW, SMALL_BYTES)
    for name, size in (("before", 1), ("giant", 2 * DISK), ("next", 1), ("large", SMALL_BYTES + 1)):
        intake.add(name, Version(size, 0), fresh=False)
    assert taken(intake) == ["before", "giant", "next"]
    intake.release("giant")
    assert taken(intake) == ["large"]


def test_outputs_that_wait_to_be_written_take_room():
    intake = Intake(WINDOW, SMALL_BYTES)
    intake.add("a", SMALL, fresh=False)
    assert taken(intake) == ["a"]
    intake.add_outputs("a", DISK)
    intake.add("large", Version(SMALL_BYTES + 1, 0), fresh=False)
    assert taken(intake) == []
    intake.release("a")
    assert taken(intake) == ["large"]


def test_a_new_version_waits_until_the_one_before_it_is_finished_and_delays_nobody():
    intake = Intake(WINDOW, SMALL_BYTES)
    intake.add("a", SMALL, fresh=True)
    assert taken(intake) == ["a"]
    intake.add("a", Version(2, 0), fresh=True)
    intake.add("b", SMALL, fresh=True)
    assert taken(intake) == ["b"]
    intake.release("a")
    assert intake.take() == ("a", Version(2, 0), True)


def test_it_is_idle_when_nothing_waits_and_nothing_is_under_way():
    intake = Intake(WINDOW, SMALL_BYTES)
    assert intake.idle
    intake.add("a", SMALL, fresh=True)
    assert not intake.idle
    intake.take()
    assert not intake.idle
    intake.release("a")
    assert intake.idle


def test_what_passes_through_files_counts_against_the_spool_however_small_it_is():
    intake = Intake(WINDOW, SMALL_BYTES, 100, spooled=True)
    for name, size in (("a", 60), ("b", 60), ("c", 40)):
        intake.add(name, Version(size, 0), fresh=False)
    assert taken(intake) == ["a"]
    intake.release("a")
    assert taken(intake) == ["b", "c"]
    intake.release("c")
    intake.add_outputs("b", 50, spooled=True)
    intake.add("d", Version(1, 0), fresh=False)
    assert taken(intake) == []
