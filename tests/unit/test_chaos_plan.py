"""The plan of a storm: repeatable, within its time, and unfair to nobody."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterfleet.chaos.plan import BRIEF, GAP, LONG, Deed, Step, make_plan

NAMES = ("broker", "worker-1", "worker-2", "listener")


def test_the_same_seed_draws_the_same_plan():
    assert make_plan(1, 60, NAMES) == make_plan(1, 60, NAMES)


def test_another_seed_draws_another_plan():
    assert len({make_plan(seed, 60, NAMES) for seed in range(50)}) == 50


def test_a_plan_is_what_it_was():
    """Python's dice are the same in every version: a seed that somebody reports means the same plan elsewhere."""
    assert [str(step) for step in make_plan(1, 6, NAMES)] == [
        "   0.8 s  kill worker-1",
        "   1.4 s  freeze broker for 4.6 s",
        "   3.4 s  restart listener",
        "   3.9 s  freeze listener for 2.1 s",
    ]


@given(seed=st.integers(), seconds=st.floats(1, 300), names=st.integers(1, 6).map(lambda n: NAMES[:n]))
def test_everything_happens_in_time_and_to_those_who_are_there(seed, seconds, names):
    before = 0.0
    for step in make_plan(seed, seconds, names):
        assert step.whom in names
        assert before < step.at < seconds
        assert step.at + step.lasts <= seconds + 0.05
        assert step.at - before <= GAP[1] + 0.1
        assert (step.lasts == 0.0) or step.deed is Deed.FREEZE
        before = step.at


@given(seed=st.integers())
def test_everybody_suffers_everything_about_equally_often(seed):
    plan = make_plan(seed, 300, NAMES)
    counts = Counter((step.deed, step.whom) for step in plan)
    assert set(counts) == {(deed, name) for deed in Deed for name in NAMES}
    assert max(counts.values()) - min(counts.values()) <= 1


def test_some_freezes_are_forgiven_and_some_are_not():
    lengths = [step.lasts for step in make_plan(1, 600, NAMES) if step.deed is Deed.FREEZE and step.at < 590]
    assert all(BRIEF[0] <= length <= BRIEF[1] or LONG[0] <= length <= LONG[1] for length in lengths)
    assert min(lengths) < BRIEF[1]
    assert max(lengths) > LONG[0]


@pytest.mark.parametrize(
    ("step", "line"),
    [
        (Step(1.5, Deed.KILL, "broker"), "   1.5 s  kill broker"),
        (Step(12.0, Deed.FREEZE, "worker-1", 6.25), "  12.0 s  freeze worker-1 for 6.2 s"),
    ],
)
def test_a_step_reads_as_a_line(step, line):
    assert str(step) == line
