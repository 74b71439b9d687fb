from listener.intake import WINDOW_BYTES, Intake
from listener.scan import Version

SMALL = Version(1, 0)

WINDOW = 16


def taken(intake):
    found = []
    while (item := intake.take()) is not None:
        found.append(item[0])
    return found


def test_fresh_uploads_go_before_the_backfill():
    intake = Intake(WINDOW)
    intake.add("old", SMALL, fresh=False)
    intake.add("new", SMALL, fresh=True)
    assert intake.take() == ("new", SMALL, True)
    assert intake.take() == ("old", SMALL, False)
    assert intake.take() is None


def test_no_more_objects_than_the_window_are_under_way():
    intake = Intake(WINDOW)
    for n in range(WINDOW + 2):
        intake.add(str(n), SMALL, fresh=False)
    assert taken(intake) == [str(n) for n in range(WINDOW)]
    assert intake.waiting == 2
    intake.release("7")
    assert taken(intake) == [str(WINDOW)]


def test_no_more_bytes_than_the_window_are_held():
    intake = Intake(WINDOW)
    half = Version(WINDOW_BYTES // 2, 0)
    for name in "abc":
        intake.add(name, half, fresh=False)
    assert taken(intake) == ["a", "b"]
    intake.release("a")
    assert taken(intake) == ["c"]


def test_an_image_bigger_than_the_window_goes_alone():
    intake = Intake(WINDOW)
    intake.add("giant", Version(2 * WINDOW_BYTES, 0), fresh=False)
    intake.add("next", SMALL, fresh=False)
    assert taken(intake) == ["giant"]
    intake.release("giant")
    assert taken(intake) == ["next"]


def test_a_new_version_waits_until_the_one_before_it_is_finished_and_delays_nobody():
    intake = Intake(WINDOW)
    intake.add("a", SMALL, fresh=True)
    assert taken(intake) == ["a"]
    intake.add("a", Version(2, 0), fresh=True)
    intake.add("b", SMALL, fresh=True)
    assert taken(intake) == ["b"]
    intake.release("a")
    assert intake.take() == ("a", Version(2, 0), True)


def test_it_is_idle_when_nothing_waits_and_nothing_is_under_way():
    intake = Intake(WINDOW)
    assert intake.idle
    intake.add("a", SMALL, fresh=True)
    assert not intake.idle
    intake.take()
    assert not intake.idle
    intake.release("a")
    assert intake.idle
