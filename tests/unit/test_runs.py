"""Which image a worker's thread begins next."""

from filterfleet.worker.leases.actions import Run
from filterfleet.worker.leases.runs import Runs


def run(lease, alone=False):
    return (0, lease), Run(lease, b"", b"image", 60.0, alone=alone)


def begun(runs):
    """The leases that may begin now."""
    found = []
    while (item := runs.next()) is not None:
        found.append(item[1].lease)
    return found


def test_they_begin_in_order_of_arrival_as_threads_are_free():
    runs = Runs(2)
    for lease in (b"a", b"b", b"c"):
        runs.add(*run(lease))
    assert begun(runs) == [b"a", b"b"]
    runs.ended((0, b"a"))
    assert begun(runs) == [b"c"]


def test_a_trial_waits_until_everything_has_ended_and_keeps_what_comes_later_back():
    runs = Runs(3)
    runs.add(*run(b"a"))
    assert begun(runs) == [b"a"]
    runs.add(*run(b"trial", alone=True))
    runs.add(*run(b"later"))
    assert begun(runs) == []
    runs.ended((0, b"a"))
    assert begun(runs) == [b"trial"]
    runs.ended((0, b"trial"))
    assert begun(runs) == [b"later"]


def test_two_trials_of_two_brokers_run_one_after_the_other():
    runs = Runs(3)
    runs.add((0, b"x"), run(b"x", alone=True)[1])
    runs.add((1, b"x"), run(b"x", alone=True)[1])
    assert begun(runs) == [b"x"]
    runs.ended((0, b"x"))
    assert begun(runs) == [b"x"]


def test_a_trial_that_is_dropped_keeps_nobody_back():
    runs = Runs(2)
    runs.add(*run(b"a"))
    assert begun(runs) == [b"a"]
    runs.add(*run(b"trial", alone=True))
    runs.add(*run(b"later"))
    runs.drop((0, b"trial"))
    assert begun(runs) == [b"later"]


def test_dropping_what_runs_changes_nothing():
    runs = Runs(1)
    runs.add(*run(b"a"))
    assert begun(runs) == [b"a"]
    runs.drop((0, b"a"))
    runs.add(*run(b"b"))
    assert begun(runs) == []


def test_a_lease_that_comes_again_while_it_runs_does_not_run_twice():
    runs = Runs(2)
    runs.add(*run(b"a"))
    assert begun(runs) == [b"a"]
    runs.drop((0, b"a"))
    runs.add(*run(b"a"))
    assert begun(runs) == []
    runs.ended((0, b"a"))
    runs.add(*run(b"a"))
    assert begun(runs) == [b"a"]
