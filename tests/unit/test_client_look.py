"""The client looks for acknowledgements by itself where they come soon after the outcomes, and nowhere else."""

from __future__ import annotations

import math

from filterfleet.common.client.look import Look
from filterfleet.common.client.settings import HOLD


def delivered(look: Look, now: float) -> float:
    """The instant of the look that follows a delivery."""
    look.delivering()
    look.delivered(now)
    return look.deadline(now)


def test_a_look_follows_each_delivery_while_it_finds_something():
    look = Look()
    for now in (1.0, 2.0, 3.0):
        assert delivered(look, now) == now + HOLD
        assert look.coming
        look.found(now + HOLD, some=True)
        assert look.deadline(now + HOLD) == math.inf
        assert not look.coming


def test_there_are_no_looks_after_one_that_found_nothing():
    look = Look()
    delivered(look, 1.0)
    look.found(1.0 + HOLD / 2, some=False)  # a turn before the look proves nothing
    assert look.deadline(1.0 + HOLD / 2) == 1.0 + HOLD
    look.found(1.0 + HOLD, some=False)
    assert delivered(look, 2.0) == math.inf
    assert not look.coming, "so whoever acknowledges wakes the thread"


def test_looks_begin_again_when_acknowledgements_come_soon_and_only_then():
    look = Look()
    delivered(look, 1.0)
    look.found(1.0 + HOLD, some=False)
    delivered(look, 2.0)
    look.found(2.5, some=True)
    assert delivered(look, 3.0) == math.inf
    look.found(3.0 + HOLD / 2, some=True)
    assert delivered(look, 4.0) == 4.0 + HOLD
