"""Simulated fleets do what arithmetic says where arithmetic is easy."""

from __future__ import annotations

from dataclasses import replace

import pytest

from filterfleet.bench.analysis.model.client import Photograph
from filterfleet.bench.analysis.model.clock import Clock
from filterfleet.bench.analysis.model.fit import _price
from filterfleet.bench.analysis.model.fleet import Host, Scenario, simulate
from filterfleet.bench.analysis.model.formula import Bounds
from filterfleet.bench.analysis.model.machine import Link, Machine
from filterfleet.bench.analysis.model.prices import Price, Prices
from filterfleet.common.wire import OutputFile
from filterfleet.worker.done import Done

SIZE, RESULT = 100_000, 60_000
DONE = Done((OutputFile("edges", "png", RESULT),), (bytes(RESULT),), {})
PRICE = Price(turn=20e-6, message=20e-6)
FLEET = Scenario(
    Prices(PRICE, PRICE, PRICE, image=0.02), Photograph(SIZE, (bytes(SIZE),)), DONE, workers=4, window=64, images=200
)


def test_threads_share_the_cores_of_a_machine():
    clock = Clock()
    machine = Machine(clock, 2, slowdown=1.5)
    ended: list[tuple[str, float]] = []
    for name, seconds in (("a", 1.0), ("b", 1.0), ("c", 2.0)):
        machine.spend(seconds, lambda name=name: ended.append((name, clock.now)))
    clock.run(lambda: len(ended) == 3, 100.0)
    # Three on two cores, each of which is slower by a half: a and b take 1 * 3/2 * 1.5. Then c has a core for itself.
    assert ended == [("a", pytest.approx(2.25)), ("b", pytest.approx(2.25)), ("c", pytest.approx(3.25))]


def test_messages_leave_one_after_another():
    clock = Clock()
    link = Link(clock, rate=1000.0, delay=0.5)
    arrived: list[float] = []
    for size in (1000, 500):
        link.carry(size, lambda: arrived.append(clock.now))
    clock.run(lambda: len(arrived) == 2, 100.0)
    assert arrived == [1.5, 2.0]


def test_a_small_fleet_is_bound_by_its_workers():
    found = simulate(FLEET)
    assert found.rate == pytest.approx(4 / 0.02, rel=0.05)
    assert found.broker < 0.2
    assert simulate(FLEET).rate == found.rate  # the same seed takes the same course


def test_workers_on_too_few_cores_share_them():
    one, four = (simulate(replace(FLEET, workers=workers, host=Host(1, 1.0))) for workers in (1, 4))
    assert four.rate == pytest.approx(one.rate, rel=0.1)
    assert simulate(replace(FLEET, workers=2, host=Host(2, 2.0))).rate == pytest.approx(one.rate, rel=0.1)


def test_a_slow_broker_is_the_bound_and_more_brokers_help():
    slow = replace(FLEET, prices=replace(FLEET.prices, broker=Price(message=2e-3)), workers=40, images=400)
    one = simulate(slow)
    assert one.broker == pytest.approx(1.0, abs=0.1)
    count = one.steady["broker"]
    bounds = Bounds(0.02, 2e-3 * count.messages / count.tasks, 0.0, 0.0, 0.0)
    assert one.rate == pytest.approx(bounds.throughput(40, 1), rel=0.1)
    two = simulate(replace(slow, brokers=2, clients=2))
    assert two.rate == pytest.approx(bounds.throughput(40, 2), rel=0.2)


def test_a_slow_line_is_the_bound_unless_images_come_by_reference():
    rate = 4e6  # bytes a second
    slow = replace(FLEET, rate=rate, images=100)
    assert simulate(slow).rate == pytest.approx(rate / (SIZE + RESULT), rel=0.1)
    left = Done(DONE.outputs, (), {}, bytes(40))
    assert simulate(replace(slow, photograph=Photograph(SIZE, (), bytes(120)), outcome=left)).rate > 180


def test_a_fresh_upload_overtakes_a_backfill():
    found = simulate(replace(FLEET, fresh=5.0, window=200, images=400))
    assert len(found.latencies) >= 3
    assert found.latency(1.0) < 0.2  # the 200 images before it take a second


def test_the_formula_finds_where_a_broker_is_saturated():
    bounds = Bounds(worker=0.02, broker=1e-3, line=0.0, beat=20e-6, looks=0.0)
    assert bounds.throughput(10, 1) == 500
    assert bounds.throughput(1000, 1) == pytest.approx(960)  # heartbeats take 4 % of its time
    assert bounds.saturation(1) == pytest.approx(0.02 / (1e-3 + 2 * 20e-6 * 0.02), rel=0.01)
    assert bounds.throughput(1e6, 1) == 0  # and of so large a fleet, all of it
    assert replace(bounds, line=0.01).throughput(1000, 2) == 200


def test_prices_are_those_with_which_the_loads_cost_what_they_did():
    true = Price(turn=1e-4, message=2e-5, task=3e-6, byte=2e-10, look=5e-7)
    loads = [
        (0.01, 0.04, 1.0, 600.0, 0.1),
        (1.3, 3.3, 1.0, 800.0, 13.0),
        (0.9, 2.3, 1.0, 1e6, 2.0),
        (1.3, 2.4, 0, 70, 13),
    ]
    prices = (true.turn, true.message, true.task, true.byte, true.look)
    pairs = [(load, sum(n * price for n, price in zip(load, prices, strict=True))) for load in loads]
    found = _price(pairs, Price(message=true.message, look=true.look))
    for name in ("turn", "task", "byte"):
        assert getattr(found, name) == pytest.approx(getattr(true, name), rel=1e-3)
