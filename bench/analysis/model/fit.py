"""Prices from measured costs. The same loads are simulated to learn how many turns, messages, tasks and bytes each
has.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from filterfleet.bench.analysis.model.client import Photograph
from filterfleet.bench.analysis.model.fleet import Scenario, idle, simulate
from filterfleet.bench.analysis.model.measured import HURRIED, LARGE_AHEAD, SLOW, TINY, Loads
from filterfleet.bench.analysis.model.prices import Count, Price, Prices, Role
from filterfleet.bench.broker import IMAGE_SECONDS, UNDER_WAY
from filterfleet.bench.slow_worker import EDGE
from filterfleet.common.wire import OutputFile
from filterfleet.worker.done import Done

# Where the search begins. The prices decide how much travels in one message, and that in turn decides the prices.
USUAL = Price(50e-6, 50e-6, 3e-6, 3e-10)
ROUNDS = 2
IDLE = 5.0  # seconds
MANY = 400  # workers, which are more than one broker can keep busy
ROLES: tuple[Role, ...] = ("broker", "worker", "client")

Pair = tuple[Sequence[float], float]  # turns, messages, tasks, bytes and looks, and the seconds that they took


def fit(loads: Loads, image: int) -> Prices:
    """Those with which a simulated fleet costs what the real one did. image is in bytes, as it was measured."""
    prices = Prices(USUAL, USUAL, USUAL)
    core = _core(prices)
    for _ in range(ROUNDS):
        crowd = _simulated(prices, HURRIED, TINY, 0.0, 5000, UNDER_WAY)
        single = _simulated(prices, SLOW, TINY, IMAGE_SECONDS, 500, UNDER_WAY)
        large = _simulated(prices, HURRIED, image, 0.0, 400, LARGE_AHEAD)
        nothing = idle(_scenario(prices, SLOW, TINY, IMAGE_SECONDS, 1, 1), IDLE)
        found = {
            role: _price(
                [
                    (_each(crowd[role]), loads.crowd.of(role)),
                    (_each(single[role]), loads.single.of(role)),
                    (_each(large[role]), loads.large.of(role)),
                    (_each(nothing[role], SLOW * IDLE), loads.idle.of(role)),
                ],
                Price(message=core.message + loads.socket, look=core.look) if role == "broker" else Price(),
            )
            for role in ROLES
        }
        prices = Prices(found["broker"], found["worker"], found["client"])
    return prices


@dataclass(frozen=True, slots=True)
class _Core:
    """Seconds that the core of a broker takes here for a message, and for a look at a worker."""

    message: float
    look: float


def _core(prices: Prices) -> _Core:
    """Both decide how large a fleet can be, and no load on a small machine shows them: a message among many in one
    turn, and turns of a broker with many workers."""
    few, many = (simulate(_scenario(prices, workers, TINY, IMAGE_SECONDS, 200, SLOW)) for workers in (SLOW, MANY))
    seconds = (one.core_seconds / one.counts["broker"].turns for one in (few, many))
    look = max(0.0, (-next(seconds) + next(seconds)) / (MANY - SLOW))
    busy = simulate(_scenario(prices, MANY, TINY, IMAGE_SECONDS, 1000, 4 * MANY))
    count = busy.counts["broker"]
    return _Core((busy.core_seconds - look * count.looks) / count.messages, look)


def _simulated(prices: Prices, workers: int, size: int, seconds: float, images: int, window: int) -> dict[Role, Count]:
    return simulate(_scenario(prices, workers, size, seconds, images, window)).counts


def _scenario(prices: Prices, workers: int, size: int, seconds: float, images: int, window: int) -> Scenario:
    result = bytes(2 * EDGE)
    outcome = Done((OutputFile("edges", "png", len(result)),), (result,), {})
    photograph = Photograph(size, (bytes(size),))
    costs = replace(prices, image=seconds)
    return Scenario(costs, photograph, outcome, workers, window=window, images=images, endless=False, delay=30e-6)


def _each(count: Count, tasks: float = 0.0) -> list[float]:
    """For each task."""
    tasks = tasks or count.tasks
    return [number / tasks for number in (count.turns, count.messages, count.tasks, count.bytes, count.looks)]


def _price(pairs: Sequence[Pair], known: Price) -> Price:
    """The prices of a turn, a task and a byte with the least sum of squares of relative errors, beside those that are
    known. None of them is negative: the best of all combinations that leave out those which would be.

    A worker and a client handle about one message in a turn, so they need no price of their own for it.
    """
    rows = np.array([[number / seconds for number in numbers] for numbers, seconds in pairs])
    wanted = 1 - known.message * rows[:, 1] - known.look * rows[:, 4]
    best, least = np.zeros(4), float("inf")
    for size in range(1, 4):
        for columns in itertools.combinations((0, 2, 3), size):
            found = np.linalg.lstsq(rows[:, columns], wanted, rcond=None)[0]
            error = float(((rows[:, columns] @ found - wanted) ** 2).sum())
            if (found >= 0).all() and error < least - 1e-12:
                best, least = np.zeros(4), error
                best[[*columns]] = found
    turn, _, task, byte = map(float, best)
    return replace(known, turn=turn, task=task, byte=byte)
