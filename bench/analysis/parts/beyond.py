"""Beyond this machine: simulated fleets of up to 10,000 workers, with costs that were measured here.

The cores of broker, workers and clients run in simulated time. What the simulation predicts for one and for two workers
on this machine is compared with what such fleets do here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median

import numpy as np

from filterfleet.bench.analysis.batches import Batch
from filterfleet.bench.analysis.model.client import Photograph
from filterfleet.bench.analysis.model.fit import fit
from filterfleet.bench.analysis.model.fleet import Host, Outcome, Scenario, simulate
from filterfleet.bench.analysis.model.formula import Bounds
from filterfleet.bench.analysis.model.measured import ImageThreads, loads, spent
from filterfleet.bench.analysis.model.prices import Prices
from filterfleet.bench.analysis.record import Better, Part, Series
from filterfleet.bench.analysis.setting import Setting
from filterfleet.bench.contenders import sequential
from filterfleet.bench.warm import WarmFleet, warm_fleet
from filterfleet.common.jobs.recipe import DEFAULT
from filterfleet.common.process.system import cores
from filterfleet.worker.done import Done
from filterfleet.worker.pipeline import process

MEASURED, PREDICTED = "fleets on this machine, measured", "the same fleets, predicted"
SPENT, SPENT_PREDICTED = "processor time of these fleets for an image, measured", "the same time, predicted"
SWEEP, FORMULA = "simulated throughput", "throughput by formula"
BUSY, LATENCY, CODE = (
    "part of its time that a broker works",
    "fresh upload during a backfill",
    "the broker's core alone",
)
VALUE, REFERENCE = "by value", "by reference"
LINES = {"1 Gb/s": 125e6, "10 Gb/s": 1.25e9, "100 Gb/s": 12.5e9}  # bytes a second, each way
MIDDLE = "10 Gb/s"
BROKERS = (1, 2, 4, 8)
FLEETS = {f"{VALUE}, 1 worker": (1, False), f"{VALUE}, 2 workers": (2, False), f"{REFERENCE}, 2 workers": (2, True)}
WINDOW = 256  # photographs that a listener has under way
LOOPBACK_DELAY, LAN_DELAY = 30e-6, 100e-6  # seconds of a message on its way
CURVE = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1000, 2000, 5000, 10_000)  # workers
AHEAD = 6.0  # photographs under way for each worker that can be busy, which holds three of them itself
SPARE = 1.5  # times the listeners that could submit what the fleet does
UNDER_WAY = 1200  # photographs under way for each broker: far less than its memory holds
FRESH = 0.05  # of the images are fresh uploads
SATURATING = {VALUE: 100, REFERENCE: 300}  # workers
MOST_TOGETHER = 600  # workers with several brokers, each with a session for every broker


@dataclass(frozen=True, slots=True)
class Way:
    """How images get to workers, and what that costs."""

    name: str
    prices: Prices
    photograph: Photograph
    outcome: Done


@dataclass(slots=True)
class Found:
    """Samples of the fleets here, in the order of the rounds: images a second, and seconds of processor time of each
    role for one image. alone and together: what an image costs a thread (model/measured.py)."""

    rates: dict[str, list[float]] = field(default_factory=dict)
    used: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    alone: list[float] = field(default_factory=list)
    together: list[float] = field(default_factory=list)

    @property
    def slowdown(self) -> float:
        return max(1.0, median(self.together) / median(self.alone))


def measure(setting: Setting) -> Part:
    with setting.room("beyond") as folder:
        setting.photographs(folder / "photographs", setting.count(60, 150), 1.0, 2.0)
        files = sorted((folder / "photographs").iterdir())
        size = sum(file.stat().st_size for file in files) // len(files)
        found = _measured(setting, folder)
        setting.say("beyond this machine: what messages cost")
        prices = fit(loads(size, setting.count(10_000, 50_000)), size)
        with closing(process(files[0].read_bytes(), DEFAULT)) as done:
            outputs = done.outputs
            values = Done(outputs, tuple(bytes(output.size) for output in outputs), done.report)
    value = Way(VALUE, replace(prices, image=median(found.alone)), Photograph(size, (bytes(size),)), values)
    reference = Way(
        REFERENCE, value.prices, Photograph(size, (), bytes(120)), Done(outputs, (), values.report, bytes(40))
    )
    ways = [_with_files(found, way) for way in (value, reference)]
    part = Part(
        {
            "cores": cores(),
            "bytes of a photograph": size,
            "bytes of its outputs": sum(output.size for output in outputs),
            "slower by, when all cores work": found.slowdown,
            **{f"{way.name}: ms of a worker for an image": 1e3 * way.prices.image for way in ways},
            **{f"{way.name}: ms of a listener for an image": 1e3 * way.prices.listener for way in ways},
            **_named(prices),
        }
    )
    _validate(part, found, ways)
    for way in ways:
        _sweep(setting, part, way)
    return part


def _named(prices: Prices) -> dict[str, float]:
    named = {}
    for role in ("broker", "worker", "client"):
        price = getattr(prices, role)
        for what in ("turn", "message", "task"):
            named[f"{role}: µs for a {what}"] = 1e6 * getattr(price, what)
        named[f"{role}: ns for a byte"] = 1e9 * price.byte
    named["broker: ns for a look at a worker"] = 1e9 * prices.broker.look
    return named


# --- fleets on this machine ----


def _measured(setting: Setting, folder: Path) -> Found:
    photographs, expected = folder / "photographs", folder / "expected"
    count = len(list(photographs.iterdir()))
    sequential().measure(photographs, expected)
    found = Found()
    with ExitStack() as stack:
        setting.say("beyond this machine: the fleets start")
        fleets: dict[str, WarmFleet] = {}
        for name, (workers, shared) in FLEETS.items():
            room = folder / name.replace(" ", "-")
            room.mkdir()
            fleets[name] = stack.enter_context(warm_fleet(room, room / "output", workers, shared=shared))
        threads = ImageThreads(stack, photographs, cores())
        for number in setting.laps(8, 40):
            setting.say(f"beyond this machine, round {number + 1}")
            found.alone.append(threads.alone())
            found.together.append(threads.together())
            for name, fleet in fleets.items():
                before, prefix = _roles(fleet), f"{number}-"
                Batch(photographs, expected, count, prefix).seconds(fleet, folder)
                found.rates.setdefault(name, []).append(_steady_rate(fleet, prefix))
                for role, after in _roles(fleet).items():
                    samples = found.used.setdefault(name, {}).setdefault(role, [])
                    samples.append((after - before[role]) / count)
    return found


def _steady_rate(fleet: WarmFleet, prefix: str) -> float:
    """Images in a second, while as many come as go: the slope of the line through the instants at which they ended, but
    the first and the last ones."""
    ends = sorted(one.finished_at for one in fleet.ledger.processed() if one.path.startswith(prefix))
    middle = slice(len(ends) // 5, len(ends) * 9 // 10)
    return float(np.polyfit(ends[middle], range(*middle.indices(len(ends))), 1)[0])


def _roles(fleet: WarmFleet) -> dict[str, float]:
    """Seconds of processor time so far."""
    used: dict[str, float] = {}
    for child in fleet.supervisor.children:
        if child.process is not None:
            role = child.spec.name.partition("-")[0]
            used[role] = used.get(role, 0.0) + spent(child.process.pid)
    return used


def _with_files(found: Found, way: Way) -> Way:
    """With what a listener and a worker take for an image beside their messages, by the processor time of a fleet of
    two workers. The pipeline alone is the least that a worker takes."""
    name = f"{way.name}, 2 workers"
    counts = simulate(_here(way, 2, found)).counts
    client, worker = (way.prices.of(role).of(counts[role]) / counts[role].tasks for role in ("client", "worker"))
    listener = max(0.0, median(found.used[name]["listener"]) / found.slowdown - client)
    image = max(way.prices.image, median(found.used[name]["worker"]) / found.slowdown - worker)
    return replace(way, prices=replace(way.prices, listener=listener, image=image))


def _here(way: Way, workers: int, found: Found) -> Scenario:
    host = Host(cores(), found.slowdown)
    return Scenario(
        way.prices, way.photograph, way.outcome, workers, window=WINDOW, delay=LOOPBACK_DELAY, host=host, images=600
    )


def _validate(part: Part, found: Found, ways: list[Way]) -> None:
    for name, (workers, shared) in FLEETS.items():
        outcome = simulate(_here(ways[shared], workers, found))
        part.series.append(Series(MEASURED, name, "images/s", "more", found.rates[name]))
        part.series.append(_simulated(PREDICTED, name, "images/s", [outcome.rate]))
        spent = [1e3 * sum(each) for each in zip(*found.used[name].values(), strict=True)]
        part.series.append(Series(SPENT, name, "ms", "less", spent))
        part.series.append(_simulated(SPENT_PREDICTED, name, "ms", [1e3 * _spent(ways[shared], outcome, found)]))


def _spent(way: Way, outcome: Outcome, found: Found) -> float:
    """Seconds of processor time for one image, of all roles."""
    messages = sum(way.prices.of(role).of(count) / count.tasks for role, count in outcome.counts.items())
    return (messages + way.prices.image + way.prices.listener) * found.slowdown


# --- fleets beyond it ----


def _sweep(setting: Setting, part: Part, way: Way) -> None:
    """Simulated fleets with one broker, and with more of them; and what the formula makes of them."""
    by_value = way.name == VALUE
    sizes: tuple[int, ...] = (8, 32, 128) if by_value else (8, 64, 256, 1000)
    if not setting.quick:
        sizes = (8, 16, 32, 64, 128, 512) if by_value else (8, 32, 128, 512, 2000, 10_000)
    setting.say(f"beyond this machine: a saturated broker, images {way.name}")
    saturated = simulate(_scenario(way, SATURATING[way.name], 1, float("inf"), None))
    for line, rate in LINES.items() if by_value else [(MIDDLE, LINES[MIDDLE])]:
        name = f"{way.name}, {line}"
        bounds = _bounds(way, saturated, rate)
        for workers in sizes:
            setting.say(f"beyond this machine: {name}, {workers:,} workers")
            _record(part, name, workers, simulate(_scenario(way, workers, 1, rate, bounds)))
        part.series += _curve(name, bounds, 1, sizes)
        if line == MIDDLE:
            _several_brokers(setting, part, way, bounds, rate)


def _several_brokers(setting: Setting, part: Part, way: Way, bounds: Bounds, rate: float) -> None:
    for brokers in BROKERS[1:]:
        name = f"{way.name}, {MIDDLE}, {brokers} brokers"
        workers = min(MOST_TOGETHER, SATURATING[way.name] * brokers // 2)
        if brokers == 2 or not setting.quick:
            setting.say(f"beyond this machine: {name}")
            scenario = replace(_scenario(way, workers, brokers, rate, bounds), fresh=0.0)
            _record(part, name, workers, simulate(scenario))
        part.series += _curve(name, bounds, brokers, (workers,))


def _curve(name: str, bounds: Bounds, brokers: int, simulated: Sequence[int]) -> list[Series]:
    workers = sorted({*CURVE, *simulated})
    return [_point(FORMULA, name, number, bounds.throughput(number, brokers)) for number in workers]


def _scenario(way: Way, workers: int, brokers: int, rate: float, bounds: Bounds | None) -> Scenario:
    """With as many listeners as it takes to keep the fleet busy, and images for a second or so. bounds are None as long
    as nothing is known of the broker."""
    prices = way.prices
    most = workers / prices.image if bounds is None else bounds.throughput(workers, brokers)
    clients = max(brokers, math.ceil(SPARE * most * prices.listener), math.ceil(AHEAD * most * prices.image / WINDOW))
    return Scenario(
        prices,
        way.photograph,
        way.outcome,
        workers,
        brokers,
        clients,
        min(WINDOW, UNDER_WAY * brokers // clients),
        rate,
        LAN_DELAY,
        images=round(min(max(400, most), 3000 * min(3, brokers))),
        fresh=FRESH * most,
    )


def _bounds(way: Way, saturated: Outcome, rate: float) -> Bounds:
    """From what the cores did in a simulation in which the broker was busy all the time."""
    broker, worker = saturated.steady["broker"], saturated.steady["worker"]
    price = way.prices.broker
    looks = price.look * broker.turns / broker.tasks
    passed = (price.of(broker) - price.look * broker.looks) / broker.tasks
    of_worker = way.prices.image + way.prices.worker.of(worker) / worker.tasks
    return Bounds(of_worker, passed, broker.bytes / broker.tasks / 2 / rate, price.message, looks)


def _record(part: Part, name: str, workers: int, outcome: Outcome) -> None:
    part.series.append(_point(SWEEP, name, workers, outcome.rate))
    part.series.append(_simulated(BUSY, name, "of its time", [outcome.broker], workers))
    part.series.append(
        _simulated(CODE, name, "µs", [1e6 * outcome.core_seconds / outcome.counts["broker"].tasks], workers)
    )
    if outcome.latencies:
        part.series.append(_simulated(LATENCY, name, "s", outcome.latencies, workers))


def _point(group: str, name: str, workers: int, rate: float) -> Series:
    return _simulated(group, name, "images/s", [rate], workers)


def _simulated(group: str, name: str, unit: str, samples: list[float], workers: int | None = None) -> Series:
    """Not ours: it follows from what was measured, so `bench check` has nothing to find in it."""
    better: Better = "more" if unit == "images/s" else "less"
    return Series(group, name, unit, better, samples, None if workers is None else float(workers), ours=False)
